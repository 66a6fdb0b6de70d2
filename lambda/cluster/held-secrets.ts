import type { CoreV1Api, V1ManagedFieldsEntry, V1ObjectMeta } from '@kubernetes/client-node';
import { managerName } from './answer.ts';
import { METADATA_ONLY, paged } from './pages.ts';
import { EXPIRES_AT, FETCHED_AT, labelsOf, PULL_ROLE } from './rights.ts';

/** What the metadata of a secret that has one of our names tells. */
export interface HeldSecret {
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Whether it carries the label of this deployment. */
  readonly isOurs: boolean;
  /** Milliseconds since the epoch; undefined where the annotation is missing or no time. */
  readonly fetchedAt: number | undefined;
  readonly expiresAt: number | undefined;
  /** The name of the role that fetched its token; undefined for the function's own. */
  readonly pullRole: string | undefined;
  /** The other field managers whose fields a refresh would have to change. */
  readonly holders: readonly string[];
  /** Whether it can be a docker config: nobody owns that key of one that is not. */
  readonly isDockerConfig: boolean;
}

/** Which secrets to list: those of one name, in these namespaces or in all. */
export interface HeldQuery {
  readonly name: string;
  /** The name of this deployment, which is its field manager and label. */
  readonly deployment: string;
  readonly namespaces?: readonly string[] | undefined;
}

/**
 * Lists the secrets of one name, metadata alone, in all namespaces by pages or in single ones. One may come twice.
 * RBAC allows it by `list` on that name because the name stands in the field selector; so secrets whose name has
 * left the settings cannot be seen.
 * @throws ApiAnswer, UnreachableError, DeadlineError
 */
export async function* heldSecrets(
  core: CoreV1Api,
  { name, deployment, namespaces }: HeldQuery,
): AsyncGenerator<HeldSecret> {
  const query = { fieldSelector: `metadata.name=${name}` };
  const lists = namespaces?.map((namespace) =>
    paged((page) => core.listNamespacedSecret({ namespace, ...query, ...page }, METADATA_ONLY)),
  ) ?? [paged((page) => core.listSecretForAllNamespaces({ ...query, ...page }, METADATA_ONLY))];
  for (const list of lists) {
    for await (const { metadata = {} } of list) yield toHeld(metadata, deployment);
  }
}

function toHeld(metadata: V1ObjectMeta, deployment: string): HeldSecret {
  const { namespace = '', uid = '', resourceVersion = '', labels = {}, annotations = {} } = metadata;
  const managed = metadata.managedFields ?? [];
  const wanted = labelsOf(deployment);
  const others = Object.entries(wanted).filter(([key, value]) => labels[key] !== value);
  const changing = [
    DATA,
    ...[FETCHED_AT, EXPIRES_AT].map((key) => ['metadata', 'annotations', key]),
    ...others.map(([key]) => ['metadata', 'labels', key]),
  ];
  return {
    namespace,
    uid,
    resourceVersion,
    isOurs: labels[MANAGED_BY] === wanted[MANAGED_BY],
    fetchedAt: timeOf(annotations[FETCHED_AT]),
    expiresAt: timeOf(annotations[EXPIRES_AT]),
    pullRole: annotations[PULL_ROLE],
    holders: managed
      .filter(({ manager, operation }) => manager !== deployment || operation !== 'Apply')
      .filter((entry) => changing.some((path) => owns(entry, path)))
      .map(({ manager }) => managerName(manager)),
    isDockerConfig: managed.length === 0 || managed.some((entry) => owns(entry, DATA)),
  };
}

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const DATA = ['data', '.dockerconfigjson'];

/** https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
function owns({ fieldsV1 }: V1ManagedFieldsEntry, path: readonly string[]): boolean {
  let fields: unknown = fieldsV1;
  for (const key of path) fields = (fields as Record<string, unknown> | undefined)?.[`f:${key}`];
  return fields !== undefined;
}

function timeOf(annotation: string | undefined): number | undefined {
  const time = Date.parse(annotation ?? '');
  return Number.isNaN(time) ? undefined : time;
}
