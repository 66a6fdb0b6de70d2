import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterRights, type Manifest } from '../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { synth } from '../infra/synth.ts';
import { mintSessionToken } from '../sandbox/aws/canary.ts';
import { kubeconfigJson, kubeconfigParts } from '../sandbox/kubeconfig.ts';
import { type ControlPlane, startControlPlane } from './control-plane/start.ts';
import { deployment, type KubectlFunction, kubectlFunction, type Resources } from './kubectl-function.ts';
import { until } from './until.ts';

const KINDS =
  'clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings';
const TOKEN = mintSessionToken('kubectl');

let controlPlane: ControlPlane;
let lambda: KubectlFunction;
let admin: object;

beforeAll(async () => {
  controlPlane = await startControlPlane({
    clusterName: 'demo',
    region: 'eu-west-1',
    principals: [],
    mapRoles: [{ roleArn: 'arn:aws:iam::111122223333:role/nobody', username: 'nobody', groups: [] }],
    staticTokens: [{ token: TOKEN, username: 'kubectl', group: 'kubectl' }],
  });
  const { authority } = controlPlane;
  const subject = { commonName: 'admin', organization: 'system:masters', usage: 'client' } as const;
  admin = kubeconfigJson(kubeconfigParts(controlPlane, await authority.issue(subject)));
  lambda = await kubectlFunction();
});

afterAll(async () => {
  await lambda?.remove();
  await controlPlane?.stop();
});

type Who = 'apply' | 'manual' | 'nobody';
interface State {
  readonly rbac: Who;
  readonly serviceAccounts: string[];
}

const states: State[] = [
  { rbac: 'apply', serviceAccounts: [] },
  { rbac: 'apply', serviceAccounts: ['default'] },
  { rbac: 'manual', serviceAccounts: [] },
  { rbac: 'manual', serviceAccounts: ['default'] },
  // the cluster is not listed
  { rbac: 'nobody', serviceAccounts: [] },
];
const pairs = states.flatMap((before) => states.map((after) => [before, after] as const));

function settingsOf(name: string, { rbac, serviceAccounts }: State): SettingsInput {
  const other = { name: 'other', rbac: 'manual' as const };
  return {
    name,
    clusters: [...(rbac === 'nobody' ? [] : [{ name: 'demo', rbac }]), other],
    secrets: [{ serviceAccounts }],
  };
}

function resourcesOf(settings: SettingsInput): Resources {
  const { template } = synth(() => ({ settings }));
  return template.findResources('Custom::AWSCDK-EKS-KubernetesResource') as unknown as Resources;
}

/** What the settings want in the cluster. */
function wanted(settings: SettingsInput): Manifest[] {
  const checked = checkSettings(settings);
  const [cluster] = listedClusters(checked).filter(({ name }) => name === 'demo');
  return cluster ? clusterRights(checked, cluster) : [];
}

const identity = ({ kind, metadata }: Pick<Manifest, 'kind' | 'metadata'>) => `${kind} ${metadata.name}`;

/** What of a deployment is in the cluster, as whoever applied it last wrote it. */
async function present(name: string): Promise<Map<string, Manifest>> {
  const selector = `app.kubernetes.io/managed-by=${name}`;
  const { items } = JSON.parse(
    await lambda.kubectl(admin, ['get', KINDS, '--selector', selector, '-o', 'json']),
  ) as { items: (Manifest & { metadata: { annotations: Record<string, string> } })[] };
  const applied = (item: (typeof items)[number]) =>
    item.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'] ?? '{}';
  return new Map(items.map((item) => [identity(item), JSON.parse(applied(item))]));
}

/** Deploys by CloudFormation; where the rights are for a person to apply, they are before, as the docs say. */
async function deploy(before: SettingsInput | undefined, after: SettingsInput, by: Who): Promise<void> {
  if (by === 'manual') {
    await lambda.kubectl(admin, ['apply'], { apiVersion: 'v1', kind: 'List', items: wanted(after) });
  }
  for (const event of deployment(before ? resourcesOf(before) : {}, resourcesOf(after))) {
    await lambda.handle(event, { kubeconfig: admin });
  }
}

describe('from one deployment to the next', () => {
  test.each(pairs)(
    '%j, then %j: keeps what a person applied, and leaves nothing of ours',
    async (from, to) => {
      const name = `t${states.indexOf(from)}-${states.indexOf(to)}`;
      const [before, after] = [settingsOf(name, from), settingsOf(name, to)];
      await deploy(undefined, before, from.rbac);
      await deploy(before, after, to.rbac);

      const byPerson = from.rbac === 'manual' ? wanted(before) : [];
      const there = await present(name);
      expect(new Set(there.keys())).toEqual(new Set([...byPerson, ...wanted(after)].map(identity)));
      for (const object of wanted(after)) {
        const { metadata: _, ...expected } = object;
        expect(there.get(identity(object))).toMatchObject(expected);
      }
    },
  );

  test('what we have taken over from a person goes with us', async () => {
    const [manual, apply, gone] = (['manual', 'apply', 'nobody'] as const).map((rbac) =>
      settingsOf('taken', { rbac, serviceAccounts: [] }),
    ) as [SettingsInput, SettingsInput, SettingsInput];
    await deploy(undefined, manual, 'manual');
    await deploy(manual, apply, 'apply');
    await deploy(apply, gone, 'nobody');
    expect(await present('taken')).toEqual(new Map());
  });
});

test('the Role in a namespace of Argo CD comes and goes with its element', async () => {
  await lambda.kubectl(admin, ['create', 'namespace', 'argocd']);
  const url = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/charts';
  const repository = {
    ...{ type: 'argocd-repository' as const, name: 'charts', namespace: 'argocd' },
    ...{ url, clusters: ['*'] },
  };
  const clusters = [{ name: 'demo' }];
  const without: SettingsInput = { name: 'charts', clusters, secrets: [{}] };
  const having: SettingsInput = { name: 'charts', clusters, secrets: [{}, repository] };
  const roles = () =>
    lambda.kubectl(admin, ['get', 'roles,rolebindings', '--namespace', 'argocd', '--output', 'name']);
  await deploy(without, having, 'apply');
  expect((await roles()).trim().split('\n')).toEqual([
    'role.rbac.authorization.k8s.io/charts.argocd',
    'rolebinding.rbac.authorization.k8s.io/charts.argocd',
  ]);
  await deploy(having, without, 'apply');
  expect(await roles()).toBe('');
});

describe('an access entry that is not effective yet', () => {
  const [create] = deployment(
    {},
    resourcesOf(settingsOf('early', { rbac: 'apply', serviceAccounts: [] })),
  ) as [object];
  const remove = { ...create, RequestType: 'Delete' };
  const binding = ['clusterrolebinding', 'kubectl'];
  const bind = ['create', ...binding, '--clusterrole=cluster-admin', '--user=kubectl'];
  const identified = (token: string) => kubeconfigJson(kubeconfigParts(controlPlane, token));

  test('is waited for while the API server does not know the token (401)', async () => {
    await lambda.kubectl(admin, bind);
    const known = await lambda.command(identified(TOKEN), []);
    const onPause = ['cp', String(known[2]), 'KUBECONFIG'];
    await lambda.handle(create, { kubeconfig: identified('unknown'), onPause });
    expect((await present('early')).size).toBe(4);
    await lambda.handle(remove, { kubeconfig: identified('unknown'), onPause });
    expect((await present('early')).size).toBe(0);
    await lambda.kubectl(admin, ['delete', ...binding]);
  });

  test('is waited for while it permits nothing (403)', async () => {
    const onPause = await lambda.command(admin, bind);
    await lambda.handle(create, { kubeconfig: identified(TOKEN), onPause });
    expect((await present('early')).size).toBe(4);
  });

  test('is given up on in the end, with what kubectl said', async () => {
    const attempt = lambda.handle(create, { kubeconfig: identified('unknown'), onPause: ['true'] });
    await expect(attempt).rejects.toThrow(/provide credentials|Unauthorized/);
  });

  test('is no reason to wait when an admission policy denies', async () => {
    const [policy, bound] = denying('early');
    await lambda.kubectl(admin, ['apply'], { apiVersion: 'v1', kind: 'List', items: [policy, bound] });
    // a pause would fail
    await until('the policy denies', async () => {
      try {
        await lambda.handle({ ...create, RequestType: 'Delete' }, { kubeconfig: admin });
        await lambda.handle(create, { kubeconfig: admin });
        return false;
      } catch (error) {
        expect(String(error)).toContain("ValidatingAdmissionPolicy 'early-denied'");
        return true;
      }
    });
  });
});

/** Denies ClusterRoles of a name. */
function denying(name: string): object[] {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name: `${name}-denied` };
  const resourceRules = [
    {
      apiGroups: ['rbac.authorization.k8s.io'],
      apiVersions: ['v1'],
      resources: ['clusterroles'],
      operations: ['CREATE'],
    },
  ];
  const validations = [{ expression: `object.metadata.name != '${name}'` }];
  return [
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: { failurePolicy: 'Fail', matchConstraints: { resourceRules }, validations },
    },
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: metadata.name, validationActions: ['Deny'] },
    },
  ];
}

test('a kind that the API server lacks fails the deployment, and its rollback leaves nothing', async () => {
  const before = settingsOf('older', { rbac: 'apply', serviceAccounts: [] });
  const [create] = deployment({}, resourcesOf(before)) as [{ ResourceProperties: { Manifest: string } }];
  const { ResourceProperties } = create;
  const unknown = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'Unknown',
    metadata: { name: 'older' },
  };
  const Manifest = JSON.stringify([...JSON.parse(ResourceProperties.Manifest), unknown]);
  const newer = { ...create, ResourceProperties: { ...ResourceProperties, Manifest } };
  await expect(lambda.handle(newer, { kubeconfig: admin })).rejects.toThrow('no matches for kind "Unknown"');
  expect((await present('older')).size).toBe(4);
  await lambda.handle({ ...newer, RequestType: 'Delete' }, { kubeconfig: admin });
  expect((await present('older')).size).toBe(0);
});

describe('a cluster that is gone', () => {
  const [create] = deployment(
    {},
    resourcesOf(settingsOf('gone', { rbac: 'apply', serviceAccounts: [] })),
  ) as [{ ResourceProperties: object }];
  const missing = 'An error occurred (ResourceNotFoundException) when calling the DescribeCluster operation';

  test('has nothing left to delete', async () => {
    await lambda.handle({ ...create, RequestType: 'Delete' }, { kubeconfig: missing });
  });

  test.each([
    ['to be applied to', 'Create', missing],
    ['that cannot be found for another reason', 'Delete', 'AccessDeniedException'],
  ])('%s is an error', async (_, RequestType, kubeconfig) => {
    await expect(lambda.handle({ ...create, RequestType }, { kubeconfig })).rejects.toThrow(kubeconfig);
  });
});
