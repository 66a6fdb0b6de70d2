import type { Mutant } from './mutate.ts';

/** Defects of the checks of doctor. */
export const ofDoctor: readonly Mutant[] = [
  {
    name: 'show the token to any host',
    in: 'readEcrHost',
    replace: 'return undefined',
    by: 'return { accountId: host, region: host }',
    harm: 'whoever runs a registry that the settings name can pull every image',
    caughtBy: ['test/unit/doctor/ecr-host.test.ts', 'test/integration/doctor.test.ts'],
  },
  {
    name: 'pass where tags may not be listed',
    in: 'checkTags',
    replace: 'unknown(STEP, object, reason, remedy); }',
    by: 'passed(STEP, object, reason + remedy); }',
    harm: 'Argo CD Image Updater and Flux see no new image, and doctor says that all is well',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
  {
    name: 'pass where the admission policy is missing',
    in: 'permission-checks: checkPolicy',
    replace: 'failed(step, object, reason, applyFix(applyRbacCommand(ctx.environment, id)))',
    by: 'passed(step, object, reason)',
    harm: 'nobody sees that a stolen role could take the token of any service account',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
  {
    name: 'try the admission policy by a real write',
    in: 'forbiddenApply',
    remove: 'dryRun:',
    harm: 'where the policy is missing a good secret becomes one without logins that cannot be deleted',
    caughtBy: ['test/integration/doctor.test.ts', 'test/integration/policy-check.test.ts'],
  },
  {
    name: 'take the filter of somebody else for ours',
    in: 'checkSubscription',
    replace: "destinationArn?.split(':')[6] === functionName",
    by: 'destinationArn !== undefined',
    harm: 'new namespaces wait for hours, and doctor says that all is well',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
  {
    name: 'try an apply without an expiry',
    in: 'placeholder',
    always: '!hasToken(entry)',
    harm: 'doctor takes the denial of our own policy for an obstacle in the cluster where ECR alone is at fault',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
  {
    name: 'take a policy on pods of older settings for ours',
    in: 'permission-checks: holds',
    replace: 'actual === ours',
    by: 'true',
    harm: 'pods of new namespaces and registries get no secret, and doctor says that all is well',
    caughtBy: ['test/integration/doctor.test.ts'],
  },
  {
    name: 'print cdk deploy to those who deploy without CDK',
    in: 'readEnvironment',
    replace: "deployedBy.endsWith('.md')",
    by: 'false',
    harm: 'the printed command makes a second stack, or deploys over their own',
    caughtBy: ['test/unit/commands.test.ts'],
  },
];
