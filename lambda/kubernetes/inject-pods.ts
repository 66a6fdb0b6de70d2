import { knownHosts } from '../settings/hosts.ts';
import type { SecretEntry, Settings } from '../settings/schema.ts';
import { parseSelector } from '../settings/selection.ts';
import { IGNORE_LABEL, labelsOf } from './pull-secret.ts';
import type { Manifest } from './rbac.ts';

type PodSettings = Pick<Settings, 'name' | 'secrets' | 'accountId' | 'region'>;

/** The values that turn the ignore label off, in RE2. */
const NOT_IGNORED = '^(?i:false|no|off|0)$';

/** What the expressions have in common; each is evaluated once a pod, if at all. */
const VARIABLES = [
  {
    name: 'images',
    expression: [
      `object.spec.containers.map(one, one.?image.orValue(''))`,
      `object.spec.?initContainers.orValue([]).map(one, one.?image.orValue(''))`,
      `object.spec.?volumes.orValue([]).map(one, one.?image.?reference.orValue(''))`,
    ].join(' + '),
  },
  {
    name: 'named',
    expression: `object.spec.?imagePullSecrets.orValue([]).map(one, one.?name.orValue(''))`,
  },
  { name: 'labels', expression: 'namespaceObject.metadata.?labels.orValue({})' },
  {
    // the API server refuses a mirror pod that names a secret
    name: 'isLeftAlone',
    expression: `'kubernetes.io/config.mirror' in object.metadata.?annotations.orValue({}) || ('${IGNORE_LABEL}' in variables.labels && !variables.labels['${IGNORE_LABEL}'].matches('${NOT_IGNORED}'))`,
  },
];

/**
 * The policy by which the API server adds pull secrets to new pods, of the entries with `injectPods`.
 * @param entries of one cluster
 * @returns policy and binding, and the rule by which `doctor` reads them; nothing if no entry wants it
 */
export function podPolicy(
  settings: PodSettings,
  entries: readonly SecretEntry[],
): { readonly manifests: Manifest[]; readonly rules: object[] } {
  const injecting = entries.filter(({ injectPods }) => injectPods);
  const names = [...new Set(injecting.map((entry) => entry.name))].sort();
  if (names.length === 0) return { manifests: [], rules: [] };
  const name = `${settings.name}-pods`;
  const metadata = { name, labels: labelsOf(settings.name) };
  const group = 'admissionregistration.k8s.io';
  const apiVersion = `${group}/v1`;
  const created = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  return {
    manifests: [
      {
        apiVersion,
        kind: 'MutatingAdmissionPolicy',
        metadata,
        spec: {
          // a pod is never refused because of us: without the secret its pull fails, and is retried
          failurePolicy: 'Ignore',
          // again after a webhook, which may add a container
          reinvocationPolicy: 'IfNeeded',
          matchConstraints: { resourceRules: [created] },
          variables: [
            ...VARIABLES,
            ...names.map((secret, at) => ({
              name: `adds${at}`,
              expression: `!variables.isLeftAlone && !variables.named.exists(name, name == '${secret}') && (${isWanted(settings, secret, entries)})`,
            })),
          ],
          // one for all secrets: each costs the API server a conversion of the pod
          mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: additions(names) } }],
        },
      },
      { apiVersion, kind: 'MutatingAdmissionPolicyBinding', metadata, spec: { policyName: name } },
    ],
    rules: [
      {
        apiGroups: [group],
        resources: ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'],
        resourceNames: [name],
        verbs: ['get'],
      },
    ],
  };
}

/**
 * Adds the secrets. The conditions are here, not in `matchConditions`, which have no namespace and are not evaluated
 * again. The list comes first and empty: one of objects makes the API server panic.
 */
function additions(secrets: readonly string[]): string {
  const patch = (path: string, value: string) =>
    `[JSONPatch{op: "add", path: "/spec/imagePullSecrets${path}", value: ${value}}]`;
  const adds = secrets.map((_, at) => `variables.adds${at}`);
  const elements = secrets.map(
    (secret, at) => `(${adds[at]} ? ${patch('/-', `Object.spec.imagePullSecrets{name: "${secret}"}`)} : [])`,
  );
  const all = [`(has(object.spec.imagePullSecrets) ? [] : ${patch('', '[]')})`, ...elements].join(' + ');
  return `!(${adds.join(' || ')}) ? [] : ${all}`;
}

/** Whether the first entry of a name that covers the namespace serves an image of the pod. */
function isWanted(settings: PodSettings, secret: string, entries: readonly SecretEntry[]): string {
  return entries
    .filter(({ name }) => name === secret)
    .reduceRight((others, entry) => {
      const hosts = entry.registries.flatMap((registry) => knownHosts(registry, settings) ?? []);
      const isOfHost = hosts.map((host) => `image.startsWith('${host}/')`).join(' || ');
      const isServed = entry.injectPods ? `variables.images.exists(image, ${isOfHost})` : 'false';
      const isCovered = coverage(entry.namespaces);
      return isCovered ? `${isCovered} ? ${isServed} : (${others})` : isServed;
    }, 'false');
}

/** The namespaces of an entry, as `coversNamespace` and the API server find them; empty for all. */
function coverage({ include, exclude, selector }: SecretEntry['namespaces']): string {
  const isNamed = (globs: readonly string[]) =>
    `request.namespace.matches('^(?:${globs.map((glob) => glob.replaceAll('*', '.*')).join('|')})$')`;
  return [
    ...(include.includes('*') ? [] : [isNamed(include)]),
    ...(exclude.length > 0 ? [`!${isNamed(exclude)}`] : []),
    ...(parseSelector(selector ?? '') ?? []).map(isLabelled),
  ].join(' && ');
}

/** A requirement in the form of {@link parseSelector}. */
function isLabelled(requirement: string): string {
  const [, not, key = '', operator, values = ''] =
    /^(!?)([^ ]+)(?: (in|notin|<|>) \(?([^)]*)\)?)?$/.exec(requirement) ?? [];
  const isThere = `'${key}' in variables.labels`;
  const value = `variables.labels['${key}']`;
  if (operator?.endsWith('in')) {
    const list = values.split(',').map((one) => `'${one}'`);
    return `${operator === 'in' ? '' : '!'}(${isThere} && ${value} in [${list}])`;
  }
  // a longer number might overflow, and nobody would see the error
  if (operator)
    return `(${isThere} && ${value}.matches('^0*[0-9]{1,18}$') && int(${value}) ${operator} ${values})`;
  return `${not}(${isThere})`;
}
