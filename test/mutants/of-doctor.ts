import type { Mutant } from './mutate.ts';

/** Defects of what says how the way stands. */
export const ofDoctor: readonly Mutant[] = [
  {
    name: 'show the token to any host',
    file: 'lambda/registry/ecr-hosts.ts',
    find: 'if (!accountId || !region) return undefined;',
    replace: 'if (!accountId || !region) return { accountId: host, region: host };',
    harm: 'whoever runs a registry that the settings name can pull every image',
    caughtBy: ['test/unit/doctor/ecr-host.test.ts', 'test/integration/doctor.test.ts'],
  },
  {
    name: 'pass where the admission policy is missing',
    file: 'lambda/doctor/admission.ts',
    find: 'return [failed(step, object, reason, remedy)];',
    replace: 'return [passed(step, object, reason)];',
    harm: 'nobody sees that a stolen role could take the token of any service account',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
  {
    name: 'try the admission policy by a real write',
    file: 'lambda/doctor/admission.ts',
    find: "return new URLSearchParams({ fieldManager: deployment, dryRun: 'All' });",
    replace: 'return new URLSearchParams({ fieldManager: deployment });',
    harm: 'where the policy is missing a good secret becomes one without logins that cannot be deleted',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
  {
    name: 'take the filter of somebody else for ours',
    file: 'lambda/doctor/new-namespaces.ts',
    find: "destinationArn?.split(':')[6] === functionName",
    replace: 'destinationArn !== undefined',
    harm: 'new namespaces wait for hours, and doctor says that all is well',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
];
