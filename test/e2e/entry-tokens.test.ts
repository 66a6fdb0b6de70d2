import { afterAll, beforeAll, expect, test } from 'vitest';
import { pullRoleArn } from '../../lambda/registries/credentials.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { listSecrets, loginsOf, makeNamespaces, makeSecret, readSecret } from './objects.ts';
import { permit } from './rights.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const CLUSTERS = [{ name: CLUSTER }];
const PREFIX = `arn:aws:iam::111122223333:role/${DEPLOYMENT}-eu-west-1-`;
const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const secrets = ['alpha', 'beta'].map((team) => ({
  namespaces: { include: [`${team}-*`] },
  repositories: [`${team}/*`],
}));
const settings = { clusters: CLUSTERS, secrets };
const roles = checkSettings(settings).secrets.map((entry) => pullRoleArn(entry, PREFIX) ?? '');

let world: World;

beforeAll(async () => {
  world = await startWorld([DEPLOYMENT], { PULL_ROLE_PREFIX: PREFIX });
  await permit(world.admin, settings);
  await makeNamespaces(world.admin, ['alpha-web', 'alpha-api', 'beta-web', 'gamma']);
});

afterAll(() => world?.stop());

/** What the pull secret of a namespace opens ECR with. */
const passwordIn = async (namespace: string) => loginsOf(await readSecret(world.admin, namespace))[HOST];

/** The roles by which tokens were fetched since the last call of this. */
const fetchedBy = () =>
  world.aws.calls
    .splice(0)
    .filter(({ operation }) => operation === 'GetAuthorizationToken')
    .map(({ principalArn = '' }) => principalArn.split('/')[1])
    .sort();

const nameOf = (arn = '') => arn.slice(arn.lastIndexOf('/') + 1);

test("an entry's token lands only in its namespaces, and what is wider is told until it is replaced", async () => {
  const wide = await world.invoke({ secrets: [{ namespaces: { include: ['alpha-*', 'beta-*'] } }] });
  expect(wide.report?.clusters).toMatchObject([{ ok: true, created: 3 }]);
  const everything = await passwordIn('alpha-web');
  const before = await readSecret(world.admin, 'alpha-web');
  expect(fetchedBy()).toEqual([DEPLOYMENT]);

  const first = await world.invoke<StatusReport>(settings, { action: 'status' });
  expect(first.report?.clusters[0]).toMatchObject({ ok: false, counts: { stale: 3 } });
  expect(first.report?.clusters[0]?.secrets[0]?.reason).toBe('its token is wider than its entry says');

  for (const arn of roles)
    world.aws.addRole({ arn, trusts: [`arn:aws:iam::111122223333:role/${DEPLOYMENT}`] });
  const { report } = await world.invoke(settings);
  expect(report?.clusters).toMatchObject([{ ok: true, refreshed: 3, created: 0 }]);
  expect(fetchedBy()).toEqual(roles.map(nameOf).sort());
  const [alpha, api, beta] = await Promise.all(['alpha-web', 'alpha-api', 'beta-web'].map(passwordIn));
  expect(alpha).toMatch(/^AWS:/);
  expect(api).toBe(alpha);
  expect(new Set([everything, alpha, beta]).size).toBe(3);
  const after = await readSecret(world.admin, 'alpha-web');
  expect(after?.metadata.uid).toBe(before?.metadata.uid);
  expect(after?.metadata.annotations?.['ecr-registry-helper/pull-role']).toBe(nameOf(roles[0]));
  const { items } = await listSecrets(world.admin);
  expect(items.map(({ metadata }) => metadata.namespace).sort()).toEqual([
    'alpha-api',
    'alpha-web',
    'beta-web',
  ]);

  const last = await world.invoke<StatusReport>(settings, { action: 'status' });
  expect(last.report).toMatchObject({ ok: true, clusters: [{ counts: { fresh: 3, stale: 0 } }] });
});

test('a role that is gone fails its namespaces only, and what is blocked is told with its older token', async () => {
  await makeNamespaces(world.admin, ['beta-new', 'alpha-new', 'beta-held']);
  await makeSecret(world.admin, 'beta-held', {}, 'vault-agent');
  world.aws.addRole({ arn: roles[0] ?? '', trusts: [] });
  const kept = await passwordIn('alpha-web');
  const { report } = await world.invoke(settings);
  expect(report?.clusters).toMatchObject([{ ok: false, created: 1, refreshed: 1, blocked: 1, failed: 3 }]);
  expect(await passwordIn('alpha-web')).toBe(kept);
  expect(await passwordIn('beta-new')).toBe(await passwordIn('beta-web'));
  expect(await readSecret(world.admin, 'alpha-new')).toBeUndefined();
  expect(report?.clusters[0]?.problems).toMatchObject([
    { namespace: '*', outcome: 'failed', reason: expect.stringContaining('(AccessDenied); a token that') },
    {
      namespace: 'beta-held',
      outcome: 'blocked',
      reason: expect.stringContaining('"vault-agent"; a token that'),
    },
  ]);
});
