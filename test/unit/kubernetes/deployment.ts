import type { Deployment } from '../../../lambda/kubernetes/api-error.ts';

/** The deployment of answers in tests. */
export const DEPLOYMENT: Deployment = {
  name: 'ecr-registry-helper',
  applyRbac: 'npm run -s rbac -- -c cluster=demo --cluster demo | kubectl apply -f -',
};
