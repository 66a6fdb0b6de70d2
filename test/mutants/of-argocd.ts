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
    name: 'call a secret that Git has not declared yet failed',
    in: 'isNotThere',
    replace: "deniedVerb === 'create'",
    by: 'false',
    harm: 'a cluster whose Git is behind has its alarm on',
    caughtBy: [TEST],
  },
  {
    name: 'call a secret without permission one that Git has not declared',
    in: 'isNotThere',
    replace: "deniedVerb === 'create'",
    by: 'deniedVerb !== undefined',
    harm: 'nobody is told to apply the permissions',
    caughtBy: [TEST],
  },
  {
    name: 'a retry writes again what the run has written for Argo CD',
    in: 'writeCredentials',
    replace: 'if (isWritten)',
    by: 'if (false)',
    harm: 'a retry after many failures writes everything once more',
    caughtBy: [TEST],
  },
  {
    name: 'a new namespace reports the secret that Git will declare in it',
    in: 'ArgocdRepositories.tasks',
    replace: 'ctx.request.logged',
    by: 'false',
    harm: 'each new namespace of Argo CD is reported as blocked',
    caughtBy: [TEST],
  },
  {
    name: 'fail for the url of a secret of Argo CD',
    in: 'judgeApiError',
    replace: 'if (error.notAsDeclared)',
    by: 'if (error.notAsDeclared && !deniedBy)',
    harm: 'the operator is told to apply permissions that are in force',
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
