import {
  EXPIRES_AT,
  FETCHED_AT,
  labelsOf,
  NEWER_IS_THERE,
  PULL_ROLE,
  SECRET_TYPE,
} from '../../../lambda/kubernetes/pull-secret.ts';
import type { ArgocdRepository, SecretEntry } from '../../../lambda/settings/schema.ts';
import { type AdmissionCheck, type AdmissionRequest, deniedByPolicy } from './admission.ts';
import type { Secret } from './objects.ts';

const HOUR_MS = 3_600_000;
const ANNOTATIONS = [FETCHED_AT, EXPIRES_AT, PULL_ROLE];

/** A deployment with its entries that cover the cluster. */
interface Deployment {
  readonly name: string;
  /** Of its rights in the cluster. */
  readonly version?: string;
  readonly entries: readonly SecretEntry[];
  /** Another policy is for these; nothing here imitates it. */
  readonly repositories?: readonly Pick<ArgocdRepository, 'namespace' | 'name'>[];
}

/**
 * The product's own ValidatingAdmissionPolicy in TypeScript, as nothing here runs CEL: the first validation that
 * fails gives the message. It concerns members of the deployment's group only.
 */
export function pullSecretPolicy(deployment: Deployment): AdmissionCheck {
  const { name, repositories = [] } = deployment;
  return (request) => {
    if (!request.user.groups.includes(name)) return undefined;
    if (repositories.some((one) => one.namespace === request.namespace && one.name === request.name)) {
      return undefined;
    }
    const why = request.operation === 'DELETE' ? whyNotDelete : whyNotWrite;
    const text = why(request, deployment);
    return text === undefined ? undefined : deniedByPolicy(request, { policy: name, binding: name, text });
  };
}

function whyNotWrite(
  { name, object, oldObject }: AdmissionRequest,
  deployment: Deployment,
): string | undefined {
  if (object?.type !== SECRET_TYPE) return `only secrets of type ${SECRET_TYPE}`;
  if (object.metadata.finalizers?.length) return `no finalizers (rights ${deployment.version ?? 'unknown'})`;
  if (object.metadata.ownerReferences?.length) return 'no owner references';
  if (object.immutable && !oldObject?.immutable) return 'it is not made immutable';
  const { metadata, data } = object;
  const before = oldObject?.metadata;
  const keysOf = (field: 'labels' | 'annotations', always: string[]) => [
    ...new Set([...always, ...deployment.entries.flatMap((entry) => Object.keys(entry[field]))]),
  ];
  const labels = keysOf('labels', Object.keys(labelsOf(deployment.name)));
  const annotations = keysOf('annotations', ANNOTATIONS);
  if (!addsOnly(['.dockerconfigjson'], data, oldObject?.data)) {
    return 'of data only .dockerconfigjson is added or changed';
  }
  if (!addsOnly(labels, metadata.labels, before?.labels)) {
    return `of labels only ${labels.join(', ')} are added or changed`;
  }
  if (!addsOnly(annotations, metadata.annotations, before?.annotations)) {
    return `of annotations only ${annotations.join(', ')} are added or changed`;
  }
  const expiry = expiryOf(object);
  const isStored = deployment.entries.some(
    (entry) => entry.name === name && entry.registries.every(({ type }) => type === 'stored'),
  );
  if (expiry === undefined) return isStored ? undefined : `a token has a time in ${EXPIRES_AT}`;
  const old = oldObject && expiryOf(oldObject);
  return old === undefined || expiry >= old || old > expiry + HOUR_MS ? undefined : NEWER_IS_THERE;
}

function whyNotDelete(
  { name: secret, oldObject }: AdmissionRequest,
  { name, entries }: Deployment,
): string | undefined {
  if (entries.some((entry) => entry.name === secret && entry.recreate)) return undefined;
  const { labels, managedFields = [] } = oldObject?.metadata ?? {};
  const isLabelled = labels?.['app.kubernetes.io/managed-by'] === name;
  const isApplied = managedFields.some(({ manager, operation }) => manager === name && operation === 'Apply');
  return isLabelled && isApplied ? undefined : 'only secrets of ours are deleted';
}

/** Whether nothing but these keys was added or changed. */
function addsOnly(
  keys: readonly string[],
  after: Readonly<Record<string, string>> = {},
  before: Readonly<Record<string, string>> = {},
): boolean {
  return Object.entries(after).every(
    ([key, value]) => keys.includes(key) || (Object.hasOwn(before, key) && before[key] === value),
  );
}

/** When a secret expires, by an annotation that is a time as the function writes it. */
function expiryOf({ metadata }: Secret): number | undefined {
  const text = metadata.annotations?.[EXPIRES_AT] ?? '';
  const time = new Date(text).getTime();
  if (!/^2[0-9]{3}-.{2}-.{2}T.{8}Z$/.test(text) || Number.isNaN(time)) return undefined;
  // 30 February is a time to JavaScript, and in March
  return new Date(time).toISOString().replace('.000Z', 'Z') === text ? time : undefined;
}
