import type { Mutant } from './mutate.ts';

const TEST = 'test/integration/argocd-repositories.test.ts';

/** Defects of what is written into the secrets of Argo CD repositories. */
export const ofArgocd: readonly Mutant[] = [
  {
    name: 'take the password that somebody declared for Argo CD',
    in: 'writeCredentials',
    replace: "force: 'false'",
    by: "force: 'true'",
    harm: 'Git and the function write over each other',
    caughtBy: [TEST],
  },
  {
    name: 'a plan writes the token for Argo CD',
    in: 'writeCredentials',
    remove: "...(isPlan && { dryRun: 'All' })",
    harm: 'a plan empties the credentials of Argo CD',
    caughtBy: [TEST],
  },
  {
    name: 'create the secret that only Git should',
    in: 'writeCredentials',
    replace: 'metadata: { name, namespace, uid }',
    by: 'metadata: { name, namespace, labels: { uid } }',
    harm: 'an administrator who refreshes makes a secret that Git does not know',
    caughtBy: [TEST],
  },
  {
    name: 'a retry writes again what the run has written for Argo CD',
    in: 'writeCredentials',
    replace: 'isOfThisRun(ctx, writtenAt)',
    by: 'isOfThisRun(ctx, undefined)',
    harm: 'a retry after many failures writes everything once more',
    caughtBy: [TEST],
  },
  {
    name: 'a new namespace reports the secret that Git will declare in it',
    in: 'resolveScope',
    replace: 'request.logged ?',
    by: 'request.awslogs ?',
    harm: 'each new namespace of Argo CD is reported as blocked',
    caughtBy: [TEST],
  },
  {
    name: 'fail for the url of a secret of Argo CD',
    in: 'writeCredentials',
    replace: 'if (fault.notAsDeclared)',
    by: 'if (fault.notAsDeclared && fault.code === 0)',
    harm: 'the printed fix applies permissions that are in force already',
    caughtBy: [TEST],
  },
  {
    name: 'take an older policy on secrets of Argo CD for that of the settings',
    in: 'writeCredentials',
    replace: 'isCurrent(fault.rightsVersion,',
    by: "isCurrent('unknown',",
    harm: 'runs are ok until the token has expired, though the permissions must be applied',
    caughtBy: [TEST],
  },
  {
    name: 'let a pull secret have the name of a secret of Argo CD',
    in: 'checkNames',
    replace: 'one.namespace === undefined ||',
    by: 'false ||',
    harm: 'RBAC lets the function create the secret that only Git should',
    caughtBy: ['test/unit/settings/argocd.test.ts'],
  },
  {
    name: 'bind the Role of Argo CD without its policy',
    in: 'clusterRights',
    set: 'hasRepositories',
    to: 'repositories.length > 1000',
    harm: 'a token goes to whatever url the secret has',
    caughtBy: ['test/unit/kubernetes/rbac.test.ts'],
  },
];
