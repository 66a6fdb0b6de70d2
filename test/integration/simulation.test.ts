import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Condition } from '../../lambda/status.ts';
import { passwordCanary } from '../sandbox/aws/canary.ts';
import { Fleet } from '../simulation/fleet.ts';
import type { Held } from '../simulation/held.ts';
import { invariants } from '../simulation/invariants.ts';
import type { Entry } from '../simulation/journal.ts';
import { judge } from '../simulation/judge.ts';
import { play } from '../simulation/play.ts';
import { FAR_MS, type Schedule } from '../simulation/schedule.ts';
import type { Ending, Phase, Witness } from '../simulation/witness.ts';

const main = join(import.meta.dirname, '../simulation/main.ts');
const KEY = 'blue/default/pull-a';

it('finds nothing wrong in some schedules that are always the same', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--seed', '4', '--runs', '15']);
  expect(stdout).toContain('15 schedules, 0 violations');
}, 60_000);

it('refuses a number of runs that is none', async () => {
  const run = promisify(execFile)(process.execPath, [main, '--runs', 'many']);
  await expect(run).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('"many"') });
});

describe('an invariant does not hold', () => {
  const usual: Schedule = {
    settings: { clusters: [{ name: 'blue' }], secrets: [{ name: 'pull-a' }], concurrency: 1 },
    event: 'scheduled',
    namespaces: ['default', 'lab'].map((name) => ({
      ...{ cluster: 'blue', name, labels: {}, terminating: false, holds: 'ours', guard: 'none' },
    })) as Schedule['namespaces'],
    faults: [],
    deadline: { ms: FAR_MS },
    heldAt: undefined,
    attempts: 1,
    retried: true,
  };
  let fleet: Fleet;
  let good: Witness;

  beforeAll(async () => {
    fleet = await Fleet.start();
    good = await play(usual, fleet);
  });
  afterAll(() => fleet.close());

  it('unless something is wrong', () => {
    expect(judge(good)).toEqual([]);
    expect(good.troubled.journal).toHaveLength(2);
    expect(good.retry?.journal).toEqual([]);
    expect(good.looks.before?.clusters[0]?.counts.fresh).toBe(2);
    expect(good.troubled.endings[0]?.report).toMatchObject({ ok: true, clusters: [{ refreshed: 2 }] });
  });

  const troubled = (change: (phase: Phase) => Partial<Phase>) => (witness: Witness) => ({
    ...witness,
    troubled: { ...witness.troubled, ...change(witness.troubled) },
  });
  const wrote = (change: (entry: Entry) => Partial<Entry>) =>
    troubled(({ journal }) => ({ journal: journal.map((entry) => ({ ...entry, ...change(entry) })) }));
  const afterwards = (held: Held | undefined) =>
    troubled(({ after }) => {
      const secrets = new Map(after.secrets);
      if (held) secrets.set(KEY, held);
      else secrets.delete(KEY);
      return { after: { ...after, secrets } };
    });
  const ended = (change: (ending: Ending) => Ending | undefined) =>
    troubled(({ endings }) => ({ endings: endings.map((ending) => ending && change(ending)) }));
  const reported = (changes: object) =>
    ended(({ report, ...ending }) => ({
      ...ending,
      report: report && { ...report, clusters: report.clusters.map((one) => ({ ...one, ...changes })) },
    }));
  const told =
    (when: 'before' | 'after', condition: Condition) =>
    ({ looks, ...witness }: Witness): Witness => {
      const said = looks[when];
      const clusters = (said?.clusters ?? []).map((cluster) => ({
        ...cluster,
        secrets: cluster.secrets.map((secret) => ({ ...secret, condition })),
      }));
      return { ...witness, looks: { ...looks, [when]: said && { ...said, clusters } } };
    };
  const shown = (text: string) => troubled((phase) => ({ shown: `${phase.shown}\n${text}` }));

  it.each<[string, keyof typeof invariants, (witness: Witness) => Witness]>([
    [
      'a good secret is deleted',
      'a good secret is never lost or made worse',
      wrote(() => ({ operation: 'DELETE' })),
    ],
    [
      'a policy that is in force is said to be missing',
      'nobody is alarmed of a policy that is in force',
      reported({ policy: { state: 'missing' } }),
    ],
    ['a secret is gone', 'a good secret is never lost or made worse', afterwards(undefined)],
    [
      'a host is left out',
      'a good secret is never lost or made worse',
      wrote(({ after }) => ({ after: after && { ...after, auths: {} } })),
    ],
    [
      'a token ends earlier than what it replaces',
      'a good secret is never lost or made worse',
      wrote(({ before, after }) => ({
        before: before && { ...before, expiresAt: (after?.expiresAt ?? 0) + 1_000 },
      })),
    ],
    [
      'a registry failed and its entry is written',
      'a good secret is never lost or made worse',
      ended(({ report, ...ending }) => ({
        ...ending,
        report: report && {
          ...report,
          secrets: report.secrets.map((secret) => ({
            ...secret,
            error: { code: 'NoError', reason: 'no', remedy: '' },
          })),
        },
      })),
    ],
    ['a plan writes', 'a good secret is never lost or made worse', troubled(() => ({ plan: true }))],
    [
      'a secret is left as it was',
      'one failure stops no other refresh',
      (witness) => {
        const held = witness.troubled.before.secrets.get(KEY);
        return afterwards(held)(witness);
      },
    ],
    [
      'a secret is left as it was and told as fresh',
      'the report is the truth',
      (witness) => {
        const held = witness.troubled.before.secrets.get(KEY);
        return afterwards(held)(witness);
      },
    ],
    ['a namespace is not counted', 'the report is the truth', reported({ refreshed: 1 })],
    ['blocked is counted as fresh', 'the report is the truth', reported({ refreshed: 1, unchanged: 1 })],
    ['a failure is swallowed', 'the report is the truth', reported({ refreshed: 1, failed: 1 })],
    ['a run that is not ok does not throw', 'the report is the truth', reported({ ok: false, error: {} })],
    [
      'a run that is ok throws',
      'the report is the truth',
      ended((ending) => ({ ...ending, error: new Error('no') })),
    ],
    ['a run does not end', 'it ends in time and leaves nothing behind', ended(() => undefined)],
    [
      'a run ends too late',
      'it ends in time and leaves nothing behind',
      ended((ending) => ({ ...ending, endedAt: ending.endedAt + FAR_MS })),
    ],
    [
      'a run has no report',
      'it ends in time and leaves nothing behind',
      ended((ending) => ({ ...ending, report: undefined })),
    ],
    [
      'a socket stays open',
      'it ends in time and leaves nothing behind',
      troubled(({ remains }) => ({ remains: { ...remains, sockets: 1 } })),
    ],
    ['the log shows a token', 'no output shows a secret', shown(`token ${passwordCanary}`)],
    [
      'the next run leaves one stale',
      'the next run makes everything fresh',
      (witness) => {
        const { after } = witness;
        const secrets = new Map([...after.after.secrets, ...witness.troubled.before.secrets]);
        return { ...witness, after: { ...after, after: { ...after.after, secrets } } };
      },
    ],
    [
      'a denial is not reported',
      'who denies is named',
      (witness) => ({
        ...witness,
        schedule: {
          ...witness.schedule,
          namespaces: witness.schedule.namespaces.map((one) => ({ ...one, guard: 'denies-401' })),
        },
      }),
    ],
    [
      'a reason fills a page',
      'who denies is named',
      reported({ problems: [{ namespace: 'default', secret: 'pull-a', reason: 'x'.repeat(1_000) }] }),
    ],
    [
      'a retry writes all again',
      'a retry writes nothing twice',
      ({ retry, ...witness }) => ({
        ...witness,
        retry: retry && { ...retry, journal: witness.troubled.journal },
      }),
    ],
    ['status says blocked of what is written', 'status, plan and refresh agree', told('before', 'blocked')],
    ['status says stale after a refresh', 'status, plan and refresh agree', told('after', 'stale')],
    [
      'a plan says less than a refresh does',
      'status, plan and refresh agree',
      ({ looks, ...witness }) => ({
        ...witness,
        looks: {
          ...looks,
          plan: looks.plan && {
            ...looks.plan,
            clusters: looks.plan.clusters.map((one) => ({ ...one, refreshed: 1, unchanged: 1 })),
          },
        },
      }),
    ],
  ])('when %s', (_what, name, doctor) => {
    expect(invariants[name]?.(doctor(good))).not.toEqual([]);
  });

  it('when any piece of a secret is shown, also inside base64 or URL-encoded', () => {
    const secret = good.secrets.find((one) => one.length > 1_000) ?? '';
    const forms = [
      secret,
      ...[0, 1, 2].map((shift) => btoa('\0'.repeat(shift) + secret)),
      encodeURIComponent(secret),
    ];
    for (const form of forms) {
      for (let offset = 40; offset < 200; offset += 7) {
        const witness = shown(
          `Unexpected token in "${form.slice(offset, offset + 10)}"... is not valid JSON`,
        )(good);
        expect(judge(witness), `at ${offset}`).not.toEqual([]);
      }
    }
  });
});
