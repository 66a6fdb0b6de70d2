import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient } from './control-plane/api-client.ts';
import { counts } from './expected.ts';
import type { Invocation } from './function/invoke.ts';
import { done, listSecrets, makeNamespaces } from './objects.ts';
import { permit } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, DEPLOYMENT, type Recording, startWorld, type World } from './world.ts';

const FLOW_CONTROL = '/apis/flowcontrol.apiserver.k8s.io/v1';
const LEVEL = 'few-seats';
const NAMESPACES = 1_000;
const OF_THE_SYSTEM = 4;

let world: World;
let run: Recording<Invocation>;
let rejected: number;

beforeAll(async () => {
  world = await startWorld();
  const { admin } = world;
  await permit(admin, { clusters: [{ name: CLUSTER }] });
  const names = Array.from({ length: NAMESPACES - OF_THE_SYSTEM }, (_, n) => `team-${n}`);
  await makeNamespaces(admin, names);
  await giveFewSeats(admin);
  const before = await rejections(admin);
  run = await world.record(() => world.invoke({ concurrency: 32 }));
  rejected = (await rejections(admin)) - before;
});

afterAll(() => world?.stop());

describe('an API server that gives the function few seats', () => {
  test('rejects requests with 429', () => {
    const throttled = run.requests.filter(({ status }) => status === 429);
    expect(throttled.length).toBeGreaterThan(10);
    expect(rejected).toBe(throttled.length);
  });

  test('ends with every namespace written and none failed', async () => {
    expect(run.result.report).toMatchObject({
      ok: true,
      clusters: [{ problems: [], ...counts({ created: NAMESPACES }) }],
    });
    expect((await listSecrets(world.admin)).items).toHaveLength(NAMESPACES);
  });

  test('writes no namespace twice', () => {
    const written = run.requests.filter(({ status }) => status === 201).map(({ url }) => url.pathname);
    expect(written).toHaveLength(NAMESPACES);
    expect(new Set(written).size).toBe(NAMESPACES);
  });
});

/** As a cluster's administrator would: two or three requests of the deployment's group at once, and one that waits. */
async function giveFewSeats(admin: ApiClient): Promise<void> {
  await done(admin, 'POST', `${FLOW_CONTROL}/prioritylevelconfigurations`, {
    metadata: { name: LEVEL },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 1,
        lendablePercent: 0,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 1 } },
      },
    },
  });
  const everything = {
    verbs: ['*'],
    apiGroups: ['*'],
    resources: ['*'],
    namespaces: ['*'],
    clusterScope: true,
  };
  await done(admin, 'POST', `${FLOW_CONTROL}/flowschemas`, {
    metadata: { name: LEVEL },
    spec: {
      priorityLevelConfiguration: { name: LEVEL },
      matchingPrecedence: 100,
      rules: [{ subjects: [{ kind: 'Group', group: { name: DEPLOYMENT } }], resourceRules: [everything] }],
    },
  });
  const asFunction = await world.actAs(DEPLOYMENT);
  const { body: flow } = await admin.request<{ metadata: { uid: string } }>(
    'GET',
    `${FLOW_CONTROL}/flowschemas/${LEVEL}`,
  );
  await until('the few seats are in force', async () => {
    const { headers } = await asFunction.request('GET', '/api/v1/namespaces?limit=1');
    return headers['x-kubernetes-pf-flowschema-uid'] === flow.metadata.uid;
  });
}

/** How many requests the priority level has turned away, by the server's own count. */
async function rejections(admin: ApiClient): Promise<number> {
  const { body } = await admin.request<string>('GET', '/metrics');
  const lines = body
    .split('\n')
    .filter((line) => line.startsWith('apiserver_flowcontrol_rejected_requests_total{'))
    .filter((line) => line.includes(`priority_level="${LEVEL}"`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
