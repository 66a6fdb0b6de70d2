import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DoctorReport, Finding } from '../../lambda/doctor/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { HOME } from '../unit/settings/inputs.ts';
import type { ApiResponse } from './control-plane/api-client.ts';
import { chosenMinor } from './control-plane/versions.ts';
import { MERGE } from './drafts.ts';
import { REGISTRY_HOST as HOST } from './expected.ts';
import { type ClusterRole, rightsOf } from './needed-rights.ts';
import { done, makeNamespaces } from './objects.ts';
import { applyManifest, permit } from './rights.ts';
import { commandsOf, openShell, type Shell } from './shell.ts';
import { until } from './until.ts';
import { CLUSTER, COMPILE_CACHE, DEPLOYMENT, startWorld, type World } from './world.ts';

const [PULL, SECOND] = ['pull', 'second'];
const OTHER_HOST = '444455556666.dkr-ecr.us-east-1.on.aws';
const other = { type: 'ecr', accountId: '444455556666', region: 'us-east-1', dualStack: true } as const;
const manyHosts = { type: 'ecr', hosts: Array.from({ length: 100 }, (_, at) => `r${at}.io`) } as const;
const SETTINGS: SettingsInput = {
  ...HOME,
  clusters: [{ name: CLUSTER }],
  secrets: [
    // the first entry that covers a namespace decides, also if it adds nothing
    { name: PULL, namespaces: { include: ['team-quiet'] } },
    {
      name: PULL,
      injectPods: true,
      namespaces: { include: ['team-*'], exclude: ['team-out'], selector: 'tier in (web,api),!old' },
    },
    {
      name: PULL,
      injectPods: true,
      registries: [other, { type: 'ecr-public' }],
      namespaces: { include: ['team-*', 'shared'], selector: 'generation > 3, generation < 5' },
    },
    { name: SECOND, injectPods: true, namespaces: { include: ['team-two'] }, registries: [manyHosts] },
  ],
};
const web = { tier: 'web' };
const NAMESPACES: Record<string, Record<string, string>> = {
  'team-a': web,
  'team-two': { tier: 'api' },
  'team-quiet': web,
  'team-out': web,
  'team-old': { ...web, old: 'yes' },
  'team-plain': {},
  'team-ignored': { ...web, 'ecr-registry-helper/ignore': '' },
  'team-meant': { ...web, 'ecr-registry-helper/ignore': 'True' },
  'team-not-ignored': { ...web, 'ecr-registry-helper/ignore': 'False' },
  shared: { generation: '04' },
  'shared-not': { generation: '4' },
  'team-third': { generation: '4' },
  'team-new': { generation: '5' },
  'team-odd': { generation: 'v4' },
};
const ACCOUNTS: Record<string, object> = {
  default: {},
  linked: { imagePullSecrets: [{ name: 'own' }, { name: 'own-too' }] },
  ours: { imagePullSecrets: [{ name: PULL }] },
};
const MEASURED = 200;
const STRICT = { 'kubernetes.io/enforce-mountable-secrets': 'true' };

interface Spec {
  readonly [field: string]: unknown;
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
}
interface Pod {
  readonly metadata: { readonly name?: string };
  readonly spec: Spec;
}

const images = (...all: string[]) => ({ containers: all.map((image, at) => ({ name: `c${at}`, image })) });
const app = images(`${HOST}/app`);
const foreign = images('docker.io/library/nginx');
const from = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });
const init = (image: string) => ({ initContainers: [{ name: 'init', image }] });
const volume = (reference: string) => ({
  volumes: [
    { name: 'empty', emptyDir: {} },
    { name: 'image', image: { reference } },
  ],
});
const many = (last: string) => images(...Array.from({ length: 300 }, (_, at) => `h${at}.io/x`), last);

/** What a pod is, where, and the pull secrets that it has in the end. */
const PODS: readonly (readonly [
  title: string,
  namespace: string,
  spec: Spec,
  secrets: (string | undefined)[],
  metadata?: object,
])[] = [
  ['an image of the host', 'team-a', app, [PULL]],
  ['a tag', 'team-a', images(`${HOST}/app:v1`), [PULL]],
  ['a digest', 'team-a', images(`${HOST}/a/b/c@sha256:${'0'.repeat(64)}`), [PULL]],
  ['the second of two containers', 'team-a', images('nginx', `${HOST}/app`), [PULL]],
  ['an init container', 'team-a', { ...foreign, ...init(`${HOST}/init`) }, [PULL]],
  ['an image volume', 'team-a', { ...foreign, ...volume(`${HOST}/model`) }, [PULL]],
  ['a generated name', 'team-a', app, [PULL], { generateName: 'job-' }],
  ['300 other containers', 'team-a', many(`${HOST}/app`), [PULL]],
  ['a pull secret of its own', 'team-a', { ...app, ...from('own') }, ['own', PULL]],
  ['our secret, named already', 'team-a', { ...app, ...from(PULL) }, [PULL]],
  ['our secret among others', 'team-a', { ...app, ...from('own', PULL, 'last') }, ['own', PULL, 'last']],
  ['an empty list', 'team-a', { ...app, imagePullSecrets: [] }, [PULL]],
  ['a secret without a name', 'team-a', { ...app, imagePullSecrets: [{}] }, [undefined, PULL]],
  [
    'an account with pull secrets',
    'team-a',
    { ...app, serviceAccountName: 'linked' },
    ['own', 'own-too', PULL],
  ],
  ['an account with ours', 'team-a', { ...app, serviceAccountName: 'ours' }, [PULL]],
  ['both of them', 'team-a', { ...app, serviceAccountName: 'linked', ...from('mine') }, ['mine', PULL]],
  ['a label that does not mean it', 'team-not-ignored', app, [PULL]],
  ['two entries', 'team-two', app, [PULL, SECOND]],
  ['300 other containers, and 100 hosts', 'team-two', many(`${HOST}/app`), [PULL, SECOND]],
  ['one of two named already', 'team-two', { ...app, ...from(SECOND) }, [SECOND, PULL]],
  ['another entry of the name, by a selector', 'shared', images(`${OTHER_HOST}/app`), [PULL]],
  [
    'a dual-stack registry by its classic host',
    'shared',
    images(`${OTHER_HOST.replace('dkr-ecr', 'dkr.ecr').replace('on.aws', 'amazonaws.com')}/app`),
    [PULL],
  ],
  ['ECR Public', 'shared', images('public.ecr.aws/x/y'), [PULL]],
  ['what the first entry leaves to a later one', 'team-third', images(`${OTHER_HOST}/app`), [PULL]],
  ['no image of ours', 'team-a', foreign, []],
  ['no image of ours, in 300 containers', 'team-a', many('nginx'), []],
  [
    'no image of ours, under an account',
    'team-a',
    { ...foreign, serviceAccountName: 'linked' },
    ['own', 'own-too'],
  ],
  ['no image at all in a volume', 'team-a', { ...foreign, ...volume('nginx') }, []],
  ['the host of the later entry', 'team-a', images(`${OTHER_HOST}/app`, 'public.ecr.aws/x/y'), []],
  ['the host of the first entry', 'team-third', app, []],
  ['a longer host', 'team-a', images(`${HOST}.evil.example/app`), []],
  ['the host without a path', 'team-a', images(HOST, `${HOST}:v1`), []],
  ['the host with a port', 'team-a', images(`${HOST}:443/app`), []],
  ['the host in upper case', 'team-a', images(`${HOST.toUpperCase()}/app`), []],
  ['the host in a path', 'team-a', images(`evil.example/${HOST}/app`), []],
  ['the host behind another name', 'team-a', images(`1${HOST}/app`, `x.${HOST}/app`), []],
  ['quotes and backslashes', 'team-a', images(`'||true||'`, `\\'${HOST}/app`, `"${HOST}/app`), []],
  ['an entry that adds nothing', 'team-quiet', app, []],
  ['an excluded namespace', 'team-out', app, []],
  ['a namespace that the selector leaves out', 'team-old', app, []],
  ['a namespace without the label', 'team-plain', app, []],
  ['a number that is too great', 'team-new', images(`${OTHER_HOST}/app`), []],
  ['a label that is no number', 'team-odd', images(`${OTHER_HOST}/app`), []],
  ['an ignored namespace', 'team-ignored', app, []],
  ['a namespace whose owner means it', 'team-meant', app, []],
  ['a namespace of no entry', 'shared-not', images(`${OTHER_HOST}/app`, `${HOST}/app`), []],
  [
    'a mirror pod',
    'team-a',
    { ...app, nodeName: 'node' },
    [],
    { annotations: { 'kubernetes.io/config.mirror': 'x' } },
  ],
];

const preload = fileURLToPath(new URL('../sandbox/aws/registries-preload.ts', import.meta.url));
let world: World;
let shell: Shell;

describe.skipIf(chosenMinor() < 36)('injectPods', () => {
  beforeAll(async () => {
    const runtime = { ...COMPILE_CACHE, NODE_OPTIONS: `--import=${preload}` };
    world = await startWorld([DEPLOYMENT], runtime, { accountAdmission: true });
    shell = await openShell(world.controlPlane, SETTINGS);
    const { admin } = world;
    for (const [namespace, labels] of Object.entries(NAMESPACES)) {
      await makeNamespaces(admin, [namespace], labels);
      for (const [name, fields] of Object.entries(ACCOUNTS)) await makeAccount(namespace, name, fields);
    }
    await permit(admin, SETTINGS);
    await until('the policy adds the secret', async () => names(await create('team-a', app)).length === 1);
  });

  afterAll(async () => {
    await world?.stop();
    shell?.remove();
  });

  test.for(PODS)('%s in %s', async ([, namespace, spec, secrets, metadata]) => {
    expect(names(await create(namespace, spec, metadata))).toEqual(secrets);
  });

  test('a container that something adds later counts', async () => {
    await addSidecar();
    await until('the sidecar is added', async () => {
      const pod = await create('team-a', foreign, { labels: { sidecar: 'yes' } });
      return JSON.stringify(pod.body).includes('sidecar-of-ours') && names(pod)[0] === PULL;
    });
  });

  describe('an account that limits its secrets', () => {
    test('has its pods refused', async () => {
      await makeAccount('team-a', 'strict', { metadata: { annotations: STRICT } });
      const answer = await create('team-a', { ...app, serviceAccountName: 'strict' });
      expect(answer).toMatchObject({
        status: 403,
        body: { message: expect.stringContaining('strict does not reference that imagePullSecret') },
      });
    });

    test('has them served where it names the secret', async () => {
      await makeAccount('team-a', 'strict-linked', {
        metadata: { annotations: STRICT },
        ...from(PULL, 'own'),
      });
      const spec = { ...app, serviceAccountName: 'strict-linked' };
      expect(names(await create('team-a', spec))).toEqual([PULL, 'own']);
      expect(names(await create('team-a', { ...spec, ...from('own') }))).toEqual(['own', PULL]);
    });
  });

  test('an ephemeral container changes nothing', async () => {
    const pod = await create('team-a', foreign);
    const path = `/api/v1/namespaces/team-a/pods/${pod.body.metadata.name}`;
    const ephemeralContainers = [{ name: 'debug', image: `${HOST}/debug` }];
    const body = { spec: { ephemeralContainers } };
    await done(world.admin, 'PATCH', `${path}/ephemeralcontainers`, body, MERGE);
    expect(names(await world.admin.request<Pod>('GET', path))).toEqual([]);
  });

  describe('doctor', () => {
    const policies = '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies';
    const path = `${policies}/${DEPLOYMENT}-pods`;
    const bindingPath = `${policies.replace('policies', 'policybindings')}/${DEPLOYMENT}-pods`;

    test('passes, and its command shows what the policy adds', async () => {
      const findings = await diagnose();
      expect(findings.map(({ result, reason }) => [result, reason])).toEqual(
        Array(2).fill(['pass', 'it is that of the settings']),
      );
      const [command = ''] = commandsOf(findings[0]?.remedy ?? '');
      expect(command).toContain('--dry-run=server');
      expect(await shell.run(command)).toMatchObject({ code: 0, stdout: PULL });
    });

    test('reads these two objects, and the role may read no other', async () => {
      const { requests } = await world.record(diagnose);
      const isOfPolicies = (text: string) => text.includes('admission');
      const read = requests
        .map(({ method, url: { pathname } }) => `${method} ${pathname}`)
        .filter(isOfPolicies);
      expect(read.sort()).toEqual([`GET ${path}`, `GET ${bindingPath}`].sort());
      const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${DEPLOYMENT}`;
      const { body } = await world.admin.request<ClusterRole>('GET', role);
      expect(rightsOf(body).filter(isOfPolicies)).toEqual(
        ['policies', 'policybindings'].map(
          (kind) => `get mutatingadmission${kind}.admissionregistration.k8s.io/${DEPLOYMENT}-pods`,
        ),
      );
    });

    test('finds a policy that somebody changed and a binding that is gone, and its fix works', async () => {
      await done(world.admin, 'PATCH', path, { spec: { failurePolicy: 'Fail' } }, MERGE);
      await done(world.admin, 'DELETE', bindingPath);
      const findings = await diagnose();
      expect(findings.map(({ result, reason }) => [result, reason])).toEqual([
        ['fail', 'it is not that of the settings'],
        ['fail', 'it does not exist'],
      ]);
      const [command = ''] = commandsOf(findings[0]?.remedy ?? '');
      expect(await shell.run(command)).toMatchObject({ code: 0 });
      expect((await diagnose()).map(({ result }) => result)).toEqual(['pass', 'pass']);
    });

    test('does not judge what the function may not read', async () => {
      const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${DEPLOYMENT}`;
      const { rules } = (await world.admin.request<ClusterRole>('GET', role)).body;
      const results = async () => (await diagnose()).map(({ result }) => result);
      const isOfPolicies = ({ resources = [] }: (typeof rules)[number]) =>
        resources.some((one) => one.startsWith('mutating'));
      await done(world.admin, 'PATCH', role, { rules: rules.filter((rule) => !isOfPolicies(rule)) }, MERGE);
      await until('the permission is gone', async () => (await results()).every((one) => one !== 'pass'));
      expect(await results()).toEqual(['unknown', 'unknown']);
      await done(world.admin, 'PATCH', role, { rules }, MERGE);
      await until('the permission is back', async () => (await results()).every((one) => one === 'pass'));
    });

    test('knows a server without the kinds by its answer', async () => {
      const answer = await world.admin.request('GET', path.replace('policies', 'things'));
      expect(answer).toMatchObject({
        status: 404,
        body: { kind: 'Status', reason: 'NotFound', details: {} },
      });
    });
  });

  test.for([
    ['that gets the secret', app],
    ['that does not', foreign],
  ] as const)('a pod %s costs little, and no expression fails', async ([title, spec]) => {
    const before = await readChecks();
    for (let nth = 0; nth < MEASURED; nth += 1) await create('team-a', spec);
    const after = await readChecks();
    expect(after.errors).toEqual(['no_error']);
    const count = after.count - before.count;
    expect(count).toBeGreaterThanOrEqual(MEASURED);
    const mean = (1_000 * (after.seconds - before.seconds)) / count;
    console.info(`a pod ${title}: ${count / MEASURED} evaluations of ${mean.toFixed(2)} ms`);
  });
});

/** What the API server counts of the policy: how often it evaluated it, for how long, and with which errors. */
async function readChecks(): Promise<{ count: number; seconds: number; errors: string[] }> {
  const { body } = await world.admin.request<string>('GET', '/metrics');
  const metric = 'apiserver_mutating_admission_policy_check_duration_seconds';
  const valuesOf = (part: string) =>
    body
      .split('\n')
      .filter(
        (line) => line.startsWith(`${metric}_${part}{`) && line.includes(`policy="${DEPLOYMENT}-pods"`),
      );
  const sum = (part: string) =>
    valuesOf(part).reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  const errors = valuesOf('count').map((line) => /error_type="(\w+)"/.exec(line)?.[1] ?? line);
  return { count: sum('count'), seconds: sum('sum'), errors };
}

/** What doctor finds out about the policy and its binding. */
async function diagnose(): Promise<Finding[]> {
  const { report } = await world.invoke<DoctorReport>(SETTINGS, { action: 'doctor' });
  return report?.findings.filter(({ object }) => object.startsWith('MutatingAdmissionPolicy')) ?? [];
}

let pods = 0;

function create(namespace: string, spec: Spec, metadata: object = {}): Promise<ApiResponse<Pod>> {
  pods += 1;
  const body = {
    metadata: { ...('generateName' in metadata ? {} : { name: `p${pods}` }), ...metadata },
    spec,
  };
  return world.admin.request<Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, { body });
}

function names({ status, body }: ApiResponse<Pod>): (string | undefined)[] {
  if (status >= 300) throw new Error(`the pod was answered ${status}: ${JSON.stringify(body)}`);
  return body.spec.imagePullSecrets?.map(({ name }) => name) ?? [];
}

async function makeAccount(namespace: string, name: string, { metadata, ...fields }: { metadata?: object }) {
  const body = { metadata: { name, ...metadata }, ...fields };
  await done(world.admin, 'POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, body);
}

/** Another policy, called after ours: it adds a container to pods of a label. */
async function addSidecar(): Promise<void> {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name: 'zz-sidecar', labels: {} };
  const resourceRules = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
  ];
  const expression = `'sidecar' in object.metadata.?labels.orValue({}) && !object.spec.containers.exists(one, one.name == 'sidecar-of-ours') ? [JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "sidecar-of-ours", image: "${HOST}/sidecar"}}] : []`;
  await applyManifest(world.admin, {
    ...{ apiVersion, kind: 'MutatingAdmissionPolicy', metadata },
    spec: {
      reinvocationPolicy: 'Never',
      matchConstraints: { resourceRules },
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
    },
  });
  const spec = { policyName: metadata.name };
  await applyManifest(world.admin, { apiVersion, kind: 'MutatingAdmissionPolicyBinding', metadata, spec });
}
