import type { ApiClient } from './control-plane/api-client.ts';
import { EMPTY_CONFIG, PULL_SECRET, PULL_SECRET_TYPE } from './objects.ts';
import { applyManifest } from './rights.ts';
import { until } from './until.ts';

const NAME = 'echo';
const CONFIG = "string(object.data['.dockerconfigjson'])";

/**
 * Makes the API server deny each secret of two namespaces by an admission policy whose message shows its docker
 * config: in the words of a quota in the one, and from another base64 character on in the other.
 */
export async function echoSecrets(admin: ApiClient, [one, other]: readonly [string, string]): Promise<void> {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name: NAME, labels: {} };
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] };
  const isNot = (namespace: string) => `object.metadata.namespace != '${namespace}'`;
  await applyManifest(admin, {
    apiVersion,
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      matchConstraints: { resourceRules: [rule] },
      validations: [
        { expression: isNot(one), messageExpression: `'exceeded quota: ' + ${CONFIG}` },
        { expression: isNot(other), messageExpression: `${CONFIG}.substring(1)` },
      ],
    },
  });
  await applyManifest(admin, {
    apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: NAME, validationActions: ['Deny'] },
  });
  await until('the policy that echoes is in force', async () => {
    const answer = await admin.request('POST', `/api/v1/namespaces/${one}/secrets`, {
      query: { dryRun: 'All' },
      body: { type: PULL_SECRET_TYPE, data: EMPTY_CONFIG, metadata: { name: PULL_SECRET } },
    });
    return answer.status === 422;
  });
}
