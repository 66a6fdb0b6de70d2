import pMap from 'p-map';
import type { KubernetesClient } from '../cluster/client.ts';
import { ForbiddenError } from '../cluster/errors.ts';
import type { Manifest } from '../cluster/rights.ts';
import { failureVerdict } from '../cluster/verdict.ts';
import type { Finding } from './doctor-report.ts';
import { failed, failedBy, passed, unknown } from './findings.ts';

/** One verb on one type of object, and where a rule names some on one name. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** A right that the function must not have: it would read every secret of the cluster. */
const TOO_MUCH: Right = { verb: 'get', group: '', resource: 'secrets' };

/** Every right that the ClusterRoles among manifests give, one by one and each once. */
export function rightsIn(manifests: readonly Manifest[]): Right[] {
  const rules = manifests
    .filter(({ kind }) => kind === 'ClusterRole')
    .flatMap((role) => role.rules as readonly Rule[]);
  const rights = rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        (resourceNames ?? [undefined]).flatMap((name) =>
          verbs.map((verb): Right => ({ verb, group, resource, ...(name && { name }) })),
        ),
      ),
    ),
  );
  return [...new Map(rights.map((right) => [textOf(right), right])).values()];
}

/**
 * Asks the API server whether we hold a right, in all namespaces. Every authenticated user may ask
 * (`system:basic-user`): https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
 * @throws as {@link KubernetesClient.send}
 */
export async function holds(client: Pick<KubernetesClient, 'send'>, right: Right): Promise<boolean> {
  const { json } = await client.send({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: right },
    }),
  });
  return (json as { status?: { allowed?: unknown } }).status?.allowed === true;
}

/** Looks at each right that the function needs in a cluster, and at one that it must not have. */
export async function examineRights(
  client: Pick<KubernetesClient, 'send'>,
  manifests: readonly Manifest[],
  { where, concurrency }: { where: string; concurrency: number },
): Promise<Finding[]> {
  const needed = rightsIn(manifests).map((right) => ({ right, wanted: true }));
  return pMap(
    [...needed, { right: TOO_MUCH, wanted: false }],
    async ({ right, wanted }) => {
      const object = `${wanted ? textOf(right) : 'get any other secret'} in ${where}`;
      try {
        const held = await holds(client, right);
        if (held === wanted) return passed('right', object, wanted ? undefined : 'denied, as it has to be');
        return wanted ? missing(right, object) : tooWide(object);
      } catch (fault) {
        const { reason = '', remedy = '' } = failureVerdict(fault, object);
        return unknown('right', object, reason, remedy);
      }
    },
    { concurrency },
  );
}

function missing({ verb, ...right }: Right, object: string): Finding {
  return failedBy('right', object, new ForbiddenError(verb, targetOf(right)));
}

function tooWide(object: string): Finding {
  const reason = 'the role may read every secret of the cluster, and so may whoever takes it over';
  const remedy =
    'Take away what is bound beyond the rights of the settings; look for it: kubectl get clusterrolebindings,rolebindings -A -o wide';
  return failed('right', object, reason, remedy);
}

function textOf({ verb, ...right }: Right): string {
  return `${verb} ${targetOf(right)}`;
}

function targetOf({ group, resource, name }: Omit<Right, 'verb'>): string {
  return `${resource}${group ? `.${group}` : ''}${name ? `/${name}` : ''}`;
}
