import { runInNewContext } from 'node:vm';
import type { CoreV1Api } from '@kubernetes/client-node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IGNORE_LABEL } from '../../../lambda/kubernetes/pull-secret.ts';
import { clusterRights, type Manifest } from '../../../lambda/kubernetes/rbac.ts';
import { findTargets, listNamespaces } from '../../../lambda/refresh/targets.ts';
import { knownHosts } from '../../../lambda/settings/hosts.ts';
import type { Settings, SettingsInput } from '../../../lambda/settings/schema.ts';
import { parseLabelSelector } from '../../sandbox/kubernetes/selectors.ts';
import { settingsOf } from '../factories.ts';
import { HOME } from '../settings/inputs.ts';

type Entry = Exclude<NonNullable<SettingsInput['secrets']>[number], { type: unknown }>;
interface PolicySpec {
  readonly variables: readonly { name: string; expression: string }[];
  readonly mutations: readonly { jsonPatch: { expression: string } }[];
}

const HOST = `${HOME.accountId}.dkr.ecr.${HOME.region}.amazonaws.com`;
const isPodPolicy = ({ kind }: Manifest) => kind.startsWith('Mutating');
const rights = (settings: Settings) => clusterRights(settings, { name: 'prod' });
const withSecrets = (...secrets: Entry[]) => settingsOf({ ...HOME, name: 'team-helper', secrets });
const expressionsOf = (settings: Settings): string[] =>
  rights(settings).flatMap(({ spec }) =>
    [...JSON.stringify(spec ?? {}).matchAll(/"expression":("(?:[^"\\]|\\.)*")/g)].map(
      ([, text = '']) => JSON.parse(text) as string,
    ),
  );

describe('the objects', () => {
  test('are there only if an entry of the cluster asks for them', () => {
    const settings = withSecrets({}, { name: 'other', clusters: ['*'], injectPods: false });
    expect(rights(settings).filter(isPodPolicy)).toEqual([]);
    expect(JSON.stringify(rights(settings))).not.toContain('mutating');
  });

  test('come behind all that a refresh needs, the policy before its binding', () => {
    expect(rights(withSecrets({ injectPods: true })).map(({ kind }) => kind)).toEqual([
      'ClusterRole',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionPolicyBinding',
      'ClusterRoleBinding',
      'MutatingAdmissionPolicy',
      'MutatingAdmissionPolicyBinding',
    ]);
  });

  test('never refuse a pod, and are evaluated again after a webhook', () => {
    const [policy, binding] = rights(withSecrets({ injectPods: true })).filter(isPodPolicy);
    expect(policy?.metadata.name).toBe('team-helper-pods');
    expect(policy?.spec).toMatchObject({ failurePolicy: 'Ignore', reinvocationPolicy: 'IfNeeded' });
    expect(policy?.spec).not.toHaveProperty('matchConditions');
    expect(binding?.spec).toEqual({ policyName: 'team-helper-pods' });
  });

  test('may be read by the function, and nothing else of their kinds', () => {
    const rules = rights(withSecrets({ injectPods: true })).flatMap((one) => (one.rules as object[]) ?? []);
    expect(rules.at(-1)).toEqual({
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'],
      resourceNames: ['team-helper-pods'],
      verbs: ['get'],
    });
  });
});

const NAMES = ['team-a', 'team-b', 'lab', 'kube-system'];
const LABELS: readonly Record<string, string>[] = [
  {},
  { tier: 'web' },
  { tier: 'api', old: 'yes' },
  { n: '3' },
  { n: '0012' },
  { n: 'v1', tier: '' },
];
const IGNORES = [undefined, undefined, undefined, undefined, '', 'true', 'False', 'no', '00'];
const registries = fc.constantFrom<NonNullable<Entry['registries']>>(
  [{ type: 'ecr' }],
  [{ type: 'ecr', dualStack: true, fips: true }],
  [{ type: 'ecr', region: 'cn-north-1', accountId: '444455556666', hosts: ['mirror.io:5000'] }],
  [{ type: 'ecr-public' }, { type: 'ecr', roleArn: 'arn:aws:iam::444455556666:role/x' }],
);
const glob = fc.constantFrom('*', 'team-*', '*a*', 'lab', 'team-a');
const entries = fc.array(
  fc.record({
    name: fc.constantFrom('pull', 'other'),
    injectPods: fc.nat(3).map((one) => one > 0),
    registries,
    namespaces: fc.record({
      include: fc.array(glob, { minLength: 1, maxLength: 3 }),
      exclude: fc.constantFrom([], [], ['team-a'], ['*b', 'lab']),
      selector: fc.constantFrom(
        undefined,
        undefined,
        undefined,
        'tier=web',
        'tier in (web,,api), !old',
        'tier!=web',
        'old',
        'n > 3',
        'n<12,n',
        'tier notin (api, x)',
      ),
    }),
  }),
  { minLength: 1, maxLength: 4 },
);
const secretsOf = (given: readonly unknown[]) => JSON.parse(JSON.stringify(given)) as Entry[];

/** Settings that are no error: an entry may be shadowed, or name what it excludes. */
function tryWith(given: readonly unknown[]): Settings | undefined {
  try {
    return withSecrets(...secretsOf(given));
  } catch {
    return undefined;
  }
}

// The expressions keep to a part of CEL that JavaScript nearly has; that the API server takes them is shown on a real one.
const CEL = `
  const has = (field) => field !== undefined;
  const int = Number;
  Array.prototype.exists = Array.prototype.some;
  String.prototype.matches = function (pattern) { return new RegExp(pattern).test(this); };
`;

function toJavaScript(expression: string): string {
  return expression
    .replaceAll(/(\S+) in (\[[^\]]*\])/g, '$2.includes($1)')
    .replaceAll(/\.(map|exists)\((\w+), /g, '.$1(($2) => ')
    .replaceAll(/(\w+(?:\.\??\w+)+)\.orValue\(([^)]*)\)/g, (_, path: string, value: string) => {
      return `(${path.replaceAll('.?', '?.')} ?? ${value})`;
    })
    .replaceAll(/(?:JSONPatch|Object\.spec\.imagePullSecrets)\{/g, '{');
}

interface Pod {
  readonly metadata: object;
  readonly spec: { readonly imagePullSecrets?: { name: string }[]; readonly [field: string]: unknown };
}

/** The pull secrets that the policy adds to a pod. */
function addedBy(settings: Settings, pod: Pod, namespace: string, labels: object): string[] {
  const spec = rights(settings).find(isPodPolicy)?.spec as PolicySpec | undefined;
  const variables = (spec?.variables ?? []).map(({ name, expression }) => {
    const [first, ...more] = expression.split(' + ').map(toJavaScript);
    return `get ${name}() { return ${more.length > 0 ? `[${[first, ...more].map((one) => `...${one}`)}]` : first}; }`;
  });
  const [mutation] = spec?.mutations ?? [];
  if (!mutation) return [];
  const [condition = '', lists = ''] = mutation.jsonPatch.expression
    .split(/ \? \[\] : (.*)/s)
    .map(toJavaScript);
  const patches = lists.split(' + ').join(', ');
  const given = JSON.stringify({
    object: pod,
    request: { namespace },
    namespaceObject: { metadata: { labels } },
  });
  const all = runInNewContext(
    `${CEL} const { object, request, namespaceObject } = ${given}; const variables = { ${variables} }; ${condition} ? [] : [].concat(${patches})`,
  ) as { op: string; path: string; value: { name: string } | [] }[];
  // the list is added only where there is none, and empty
  const isListAdded = all.length > 0 && pod.spec.imagePullSecrets === undefined;
  const list = { op: 'add', path: '/spec/imagePullSecrets', value: [] };
  expect(all.slice(0, isListAdded ? 1 : 0)).toEqual(isListAdded ? [list] : []);
  const added = all.slice(isListAdded ? 1 : 0);
  expect(added.filter(({ path }) => path !== '/spec/imagePullSecrets/-')).toEqual([]);
  return added.map(({ value }) => ('name' in value ? value.name : JSON.stringify(value)));
}

/** The secrets of the namespace, by the code that writes them. */
async function writtenTo(settings: Settings, name: string, labels: Record<string, string>) {
  const core = {
    listNamespace: async ({ labelSelector = '' }) => ({
      metadata: {},
      items: parseLabelSelector(labelSelector)(labels) ? [{ metadata: { name, labels } }] : [],
    }),
  } as unknown as CoreV1Api;
  const coverages = settings.secrets.map((entry) => ({ settings: entry }));
  const { targets } = await findTargets(coverages, (query) => listNamespaces(core, query), undefined);
  return targets.flatMap(({ entry, namespace }) => (namespace.skip ? [] : entry.settings));
}

const image = fc.constantFrom(
  `${HOST}/app`,
  `${HOST}/app:v1`,
  `${HOST}/a/b`,
  `${HOST}.evil.example/app`,
  HOST,
  `${dualStackOf(HOST)}/app`,
  '444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn/x@sha256:0',
  '444455556666.dkr.ecr.eu-west-1.amazonaws.com/x',
  'mirror.io:5000/x',
  'public.ecr.aws/x',
  'nginx',
);

function dualStackOf(host: string): string {
  return host.replace('.dkr.ecr.', '.dkr-ecr.').replace('amazonaws.com', 'on.aws');
}

const podOf = (reference: string): Pod => ({
  metadata: {},
  spec: { containers: [{ name: 'app', image: reference }] },
});

describe('a new pod', () => {
  test('gets the secret for an image of the host, and for none of a host that begins alike', () => {
    const settings = withSecrets({ injectPods: true, name: 'pull' });
    const added = (reference: string) => addedBy(settings, podOf(reference), 'any', {});
    expect(added(`${HOST}/app`)).toEqual(['pull']);
    expect(added(`${HOST}.evil.example/app`)).toEqual([]);
    expect(added(HOST)).toEqual([]);
  });

  test('gets what the first entry of a name that covers its namespace has', () => {
    const settings = withSecrets(
      { name: 'pull', injectPods: true, namespaces: { include: ['team-*'] } },
      { name: 'pull', injectPods: true, registries: [{ type: 'ecr-public' }] },
    );
    const added = (reference: string, namespace: string) =>
      addedBy(settings, podOf(reference), namespace, {});
    expect(added(`${HOST}/app`, 'team-a')).toEqual(['pull']);
    expect(added('public.ecr.aws/app', 'team-a')).toEqual([]);
    expect(added('public.ecr.aws/app', 'lab')).toEqual(['pull']);
    expect(added(`${HOST}/app`, 'lab')).toEqual([]);
  });

  test('gets the secrets that its namespace has, of whose hosts it has an image, each once', async () => {
    let added = 0;
    await fc.assert(
      fc.asyncProperty(
        entries,
        fc.constantFrom(...NAMES),
        fc.constantFrom(...LABELS),
        fc.constantFrom(...IGNORES),
        fc.tuple(fc.constantFrom('containers', 'initContainers', 'volumes'), image),
        fc.constantFrom<string[] | undefined>(undefined, ['pull'], ['own'], ['own', 'other']),
        fc.nat(9).map((one) => one === 0),
        async (given, namespace: string, some, ignore, [where, reference], named, isMirror) => {
          const settings = tryWith(given);
          fc.pre(settings !== undefined);
          const labels = { ...some, ...(ignore !== undefined && { [IGNORE_LABEL]: ignore }) };
          const containers = [{ name: 'c', ...(where === 'containers' && { image: reference }) }];
          const pod = {
            metadata: isMirror ? { annotations: { 'kubernetes.io/config.mirror': 'x' } } : {},
            spec: {
              containers,
              ...(where === 'initContainers' && { initContainers: [{ name: 'i', image: reference }] }),
              ...(where === 'volumes' && { volumes: [{ emptyDir: {} }, { image: { reference } }] }),
              ...(named && { imagePullSecrets: named.map((name) => ({ name })) }),
            },
          };
          const wanted = (await writtenTo(settings, namespace, labels)).filter(
            ({ name, injectPods, registries: all }) =>
              injectPods &&
              !isMirror &&
              !named?.includes(name) &&
              all.some((one) => knownHosts(one, settings)?.some((host) => reference.startsWith(`${host}/`))),
          );
          added += wanted.length;
          expect(addedBy(settings, pod, namespace, labels)).toEqual(wanted.map(({ name }) => name).sort());
        },
      ),
      { numRuns: 400 },
    );
    expect(added).toBeGreaterThan(0);
  });
});

test('no expression has a list of objects as a value, which makes the API server panic', () => {
  const panics = /value:\s*\[(?!\])|\[\s*Object[.{]|dyn\(\[/;
  expect('JSONPatch{value: [Object.spec.imagePullSecrets{name: "x"}]}').toMatch(panics);
  fc.assert(
    fc.property(entries, (given) => {
      const settings = tryWith(given);
      fc.pre(settings !== undefined);
      expect(expressionsOf(settings).filter((expression) => panics.test(expression))).toEqual([]);
    }),
  );
});
