import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ApiClient } from './control-plane/api-client.ts';
import { counts } from './expected.ts';
import type { RunRequest } from './function/invoke.ts';
import { done, listSecrets, makeNamespaces } from './objects.ts';
import { permit } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, DEPLOYMENT, type Recording, startWorld, type World } from './world.ts';

const LEVEL = 'few-seats';
const NAMESPACES = 1_000;
const OF_THE_SYSTEM = 4;

/** An object of API priority and fairness. */
interface FlowControl {
  readonly kind: 'PriorityLevelConfiguration' | 'FlowSchema';
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

let world: World;
let run: Recording<RunRequest>;
let rejected: number;

beforeAll(async () => {
  world = await startWorld();
  const { admin } = world;
  await permit(admin, { clusters: [{ name: CLUSTER }] });
  const names = Array.from({ length: NAMESPACES - OF_THE_SYSTEM }, (_, n) => `team-${n}`);
  await makeNamespaces(admin, names);
  await giveSeats(admin, fewSeats);
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

test('the seats that the guide proposes reject nothing', async () => {
  await giveSeats(world.admin, proposed());
  const { requests } = await world.record(() => world.invoke({ concurrency: 32 }));
  // and one that tries the admission policy, which denies it
  const others = requests.filter(({ status }) => status !== 200);
  expect(others.map(({ status, url }) => [status, url.searchParams.get('dryRun')])).toEqual([[422, 'All']]);
  expect(requests).toHaveLength(NAMESPACES + 3);
});

/** As a cluster's administrator would: three requests of the deployment's group at once, and one that waits. */
const fewSeats: FlowControl[] = [
  {
    kind: 'PriorityLevelConfiguration',
    metadata: { name: LEVEL },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 1,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 1 } },
      },
    },
  },
  {
    kind: 'FlowSchema',
    metadata: { name: LEVEL },
    spec: {
      priorityLevelConfiguration: { name: LEVEL },
      matchingPrecedence: 2_000,
      rules: [
        {
          subjects: [{ kind: 'Group', group: { name: DEPLOYMENT } }],
          resourceRules: [
            { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true },
          ],
        },
      ],
    },
  },
];

/** What the guide proposes; it comes before the few seats. */
function proposed(): FlowControl[] {
  const guide = readFileSync(new URL('../../docs/guides/concurrency.md', import.meta.url), 'utf8');
  const yaml = /```yaml\n(.*?)```/s.exec(guide)?.[1] ?? '';
  return parseAllDocuments(yaml).map((document) => document.toJS() as FlowControl);
}

/** Makes the objects, and waits until the deployment's requests are counted by them. */
async function giveSeats(admin: ApiClient, objects: readonly FlowControl[]): Promise<void> {
  for (const object of objects) {
    const { uid } = await create(admin, object);
    if (object.kind !== 'FlowSchema') continue;
    const asFunction = await world.actAs(DEPLOYMENT);
    await until(`the seats of ${object.metadata.name} are in force`, async () => {
      const { headers } = await asFunction.request('GET', '/api/v1/namespaces?limit=1');
      return headers['x-kubernetes-pf-flowschema-uid'] === uid;
    });
  }
}

async function create(admin: ApiClient, object: FlowControl): Promise<{ uid: string }> {
  const path = `/apis/flowcontrol.apiserver.k8s.io/v1/${object.kind.toLowerCase()}s`;
  return ((await done(admin, 'POST', path, object)) as { metadata: { uid: string } }).metadata;
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
