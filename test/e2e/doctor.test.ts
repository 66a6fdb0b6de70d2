import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DoctorReport, Finding, Step } from '../../lambda/doctor/report.ts';
import { clusterRights, type Manifest } from '../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import { REGISTRY_HOST } from './expected.ts';
import { done, listSecrets, makeNamespaces, makeSecret, PULL_SECRET } from './objects.ts';
import { accountsAreGuarded, applyManifest, permit } from './rights.ts';
import { CLUSTER, COMPILE_CACHE, DEPLOYMENT, startWorld, type World } from './world.ts';

const DOCTOR = { action: 'doctor' };
const RULE = 'the-rule';
/** A role without an access entry, and deployments that lack a part of the rights. */
const UNMAPPED = 'unmapped';
const UNBOUND = 'unbound';
const UNPOLICED = 'unpoliced';
const MISNAMED = 'misnamed';
const preload = fileURLToPath(new URL('../sandbox/aws/registries-preload.ts', import.meta.url));
const team = { namespaces: { include: ['team-*'] } };
const linked = { ...team, serviceAccounts: ['default'] };

let world: World;

beforeAll(async () => {
  const runtime = { ...COMPILE_CACHE, NODE_OPTIONS: `--import=${preload}`, RULE_NAME: RULE };
  world = await startWorld([DEPLOYMENT, UNBOUND, UNPOLICED, MISNAMED], runtime);
  const { admin } = world;
  await makeNamespaces(admin, ['team-a', 'team-b', 'opaque']);
  await makeSecret(admin, 'opaque', { type: 'Opaque', data: {} }, 'kubectl-create');
  await done(admin, 'POST', '/api/v1/namespaces/team-a/serviceaccounts', { metadata: { name: 'default' } });
  await permit(admin, { name: DEPLOYMENT, clusters: [{ name: CLUSTER }], secrets: [linked] });
  await accountsAreGuarded(admin, DEPLOYMENT, 'team-a/serviceaccounts/default');
  await give(UNBOUND, (kind) => kind !== 'ClusterRoleBinding');
  await give(UNPOLICED, (kind) => kind.startsWith('ClusterRole'), { secrets: [linked] });
  await give(MISNAMED, () => true, { secrets: [{ name: 'another-name' }] });
});

afterAll(() => world?.stop());

test('every step passes on a good set-up, and nothing is written', async () => {
  reset();
  const before = await listSecrets(world.admin);
  const repository = `${REGISTRY_HOST}/team/app`;
  world.aws.registries.repositories.set(repository, true);
  const { report, stdout } = await world.invoke<DoctorReport>(
    { secrets: [linked] },
    { ...DOCTOR, repository },
  );
  expect(report?.findings.filter(({ result }) => result !== 'pass')).toEqual([]);
  expect(report?.ok).toBe(true);
  expect(report?.identity).toBe(`arn:aws:sts::111122223333:assumed-role/${DEPLOYMENT}/e2e`);
  expect([...new Set(report?.findings.map(({ step }) => step))]).toMatchInlineSnapshot(`
    [
      "settings",
      "identity",
      "schedule",
      "token",
      "registry",
      "pull",
      "cluster",
      "bearer token",
      "endpoint",
      "authentication",
      "right",
      "admission policy",
      "namespaces",
      "apply",
    ]
  `);
  expect(stdout).toContain('doctor: ok');
  expect((await listSecrets(world.admin)).items).toEqual(before.items);
});

interface Break {
  readonly title: string;
  readonly settings?: Partial<SettingsInput>;
  readonly role?: string;
  readonly arrange?: (world: World) => unknown;
  /** The steps that fail, each with what its remedy says; all others pass or were not looked at. */
  readonly fails: readonly (readonly [Step, string | RegExp])[];
}

const RBAC = /npm run -s rbac -- .*\| kubectl apply -f -/;
const breaks: readonly Break[] = [
  {
    title: 'no access entry',
    role: UNMAPPED,
    fails: [
      [
        'authentication',
        `aws eks create-access-entry --region eu-west-1 --cluster-name ${CLUSTER} --principal-arn arn:aws:iam::111122223333:role/${UNMAPPED} --kubernetes-groups ${DEPLOYMENT}`,
      ],
    ],
  },
  {
    title: 'no access entry in a cluster that knows none',
    role: UNMAPPED,
    arrange: ({ aws, controlPlane: { endpoint, caPem } }) =>
      aws.addCluster({ name: CLUSTER, endpoint, caPem, authenticationMode: 'CONFIG_MAP' }),
    fails: [['authentication', `eksctl create iamidentitymapping --region eu-west-1 --cluster ${CLUSTER}`]],
  },
  {
    title: 'an access entry for another group',
    role: UNBOUND,
    fails: [
      [
        'authentication',
        `aws eks update-access-entry --region eu-west-1 --cluster-name ${CLUSTER} --principal-arn ${role(UNBOUND)} --kubernetes-groups ${DEPLOYMENT}`,
      ],
      ['right', RBAC],
      ['namespaces', RBAC],
    ],
  },
  {
    title: 'no binding',
    settings: { name: UNBOUND },
    fails: [
      ['right', RBAC],
      ['namespaces', RBAC],
    ],
  },
  {
    title: 'no admission policy',
    settings: { name: UNPOLICED, secrets: [linked] },
    fails: [['admission policy', RBAC]],
  },
  {
    title: 'wrong name in the role',
    settings: { name: MISNAMED },
    fails: [
      ['right', RBAC],
      ['apply', RBAC],
    ],
  },
  {
    title: 'wrong cluster name',
    settings: { clusters: [{ name: 'prdo' }] },
    fails: [['cluster', 'aws eks list-clusters --region eu-west-1']],
  },
  {
    title: 'the name of another cluster',
    settings: { clusters: [{ name: 'staging' }] },
    arrange: ({ aws, controlPlane: { endpoint, caPem } }) =>
      aws.addCluster({ name: 'staging', endpoint, caPem }),
    fails: [['authentication', /right cluster.*--cluster-name staging/]],
  },
  {
    title: 'missing AWS right',
    settings: { secrets: [linked] },
    arrange: ({ aws }) => aws.deny(role(DEPLOYMENT), 'ecr:GetAuthorizationToken'),
    fails: [
      [
        'token',
        `aws iam simulate-principal-policy --policy-source-arn ${role(DEPLOYMENT)} --action-names ecr:GetAuthorizationToken`,
      ],
    ],
  },
  {
    title: 'bad CA',
    arrange: async ({ aws, controlPlane: { endpoint } }) => {
      const { certificatePem: caPem } = await createAuthority('somebody else');
      aws.addCluster({ name: CLUSTER, endpoint, caPem });
    },
    fails: [['endpoint', /DNS and proxies.*certificateAuthority/]],
  },
  {
    title: 'unreachable endpoint',
    arrange: ({ aws, controlPlane: { caPem } }) =>
      aws.addCluster({ name: CLUSTER, endpoint: 'https://127.0.0.1:9', caPem }),
    fails: [['endpoint', /vpc setting.*aws eks describe-cluster/]],
  },
  {
    title: 'Opaque secret in the way',
    settings: { secrets: [{ ...linked, namespaces: { include: ['opaque', 'team-*'] } }] },
    fails: [['apply', `or delete the secret: kubectl -n opaque delete secret ${PULL_SECRET}`]],
  },
  {
    title: 'suspended rule',
    settings: { secrets: [linked] },
    arrange: ({ aws }) => aws.rules.set(RULE, { schedule: 'rate(8 hours)', state: 'DISABLED' }),
    fails: [['schedule', `aws events enable-rule --region eu-west-1 --name ${RULE}`]],
  },
];

test.for(breaks)('$title: the right step fails with the right remedy', async (broken) => {
  reset();
  const { settings, role: name, arrange, fails } = broken;
  await arrange?.(world);
  const { report } = await world.invoke<DoctorReport>({ secrets: [team], ...settings }, DOCTOR, name);
  const failed = report?.findings.filter(({ result }) => result === 'fail') ?? [];
  expect(report?.ok).toBe(false);
  expect([...new Set(failed.map(({ step }) => step))]).toEqual(fails.map(([step]) => step));
  for (const [step, remedy] of fails) {
    for (const finding of failed.filter((one) => one.step === step)) {
      expect(finding.remedy).toMatch(remedy);
    }
  }
  expect(report?.findings.filter(({ result }) => result === 'unknown')).toSatisfy(areNotLookedAt);
});

/** Puts the world's AWS back to what works. */
function reset(): void {
  const { aws, controlPlane } = world;
  const { endpoint, caPem } = controlPlane;
  aws.addCluster({ name: CLUSTER, endpoint, caPem });
  aws.allow(role(DEPLOYMENT), 'ecr:GetAuthorizationToken');
  aws.rules.set(RULE, { schedule: 'rate(8 hours)', state: 'ENABLED' });
}

function role(name: string): string {
  return `arn:aws:iam::111122223333:role/${name}`;
}

function areNotLookedAt(findings: Finding[] = []): boolean {
  return findings.every(({ reason, remedy }) => reason?.startsWith('skipped, as the check') && remedy);
}

/** Gives a deployment of the cluster some of its rights, as for these settings. */
async function give(
  name: string,
  wanted: (kind: string) => boolean,
  settings: Partial<SettingsInput> = {},
): Promise<void> {
  const whole = checkSettings({ name, clusters: [{ name: CLUSTER }], ...settings });
  const manifests: Manifest[] = listedClusters(whole).flatMap((cluster) => clusterRights(whole, cluster));
  for (const manifest of manifests.filter(({ kind }) => wanted(kind))) {
    await applyManifest(world.admin, manifest);
  }
}
