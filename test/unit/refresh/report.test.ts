import { describe, expect, test } from 'vitest';
import { type Outcome, type Problem, summarizeFailures, Tally } from '../../../lambda/refresh/report.ts';
import { clusterReportOf, reportOf } from '../factories.ts';

const outcomes: Outcome[] = ['created', 'refreshed', 'unchanged', 'skipped', 'blocked', 'failed'];
const problem = (given: Partial<Problem> = {}): Problem => ({
  namespace: 'team-a',
  secret: 'pull',
  outcome: 'failed',
  reason: 'no right to patch',
  remedy: 'Apply the manifest.',
  ...given,
});

describe('a tally', () => {
  test('counts each outcome', () => {
    const tally = new Tally();
    for (const [times, outcome] of outcomes.entries()) {
      for (let at = 0; at <= times; at += 1) tally.add('a', 'pull', { outcome });
    }
    expect(tally.result()).toEqual({
      created: 1,
      refreshed: 2,
      unchanged: 3,
      skipped: 4,
      blocked: 5,
      failed: 6,
      problems: [],
    });
  });

  test('lists what is blocked or failed with reason and remedy, and nothing else', () => {
    const tally = new Tally();
    for (const outcome of outcomes)
      tally.add(outcome, 'pull', { outcome, reason: 'because', remedy: 'Mend it.' });
    const because = { secret: 'pull', reason: 'because', remedy: 'Mend it.' };
    expect(tally.result().problems).toEqual([
      { namespace: 'blocked', outcome: 'blocked', ...because },
      { namespace: 'failed', outcome: 'failed', ...because },
    ]);
  });

  test('lists what failed before what is blocked, which comes first and may be more than is listed', () => {
    const tally = new Tally();
    for (let at = 0; at < 400; at += 1) tally.add(`ns-${at}`, 'pull', problem({ outcome: 'blocked' }));
    tally.add('ns-400', 'pull', problem());
    expect(tally.result()).toMatchObject({
      problems: expect.arrayContaining([problem({ namespace: 'ns-400' })]),
      moreProblems: 301,
    });
  });

  test('counts a namespace that should be there as failed', () => {
    const tally = new Tally();
    tally.count(problem({ namespace: 'gone' }));
    expect(tally.result()).toMatchObject({ failed: 1, problems: [{ namespace: 'gone' }] });
  });

  test('takes a problem of a whole entry without counting it again', () => {
    const tally = new Tally();
    tally.list(problem({ namespace: '*' }));
    expect(tally.result()).toMatchObject({ failed: 0, problems: [{ namespace: '*' }] });
  });

  test.for([
    [99, 99, undefined],
    [100, 100, undefined],
    [101, 100, 1],
    [5_000, 100, 4_900],
  ] as const)('of %d problems lists %d and tells the number of the others: %s', ([all, listed, more]) => {
    const tally = new Tally();
    for (let at = 0; at < all; at += 1) {
      const told = problem({ namespace: `ns-${at}` });
      if (at % 3 === 0) tally.list(told);
      else if (at % 3 === 1) tally.count(told);
      else tally.add(told.namespace, told.secret, told);
    }
    const { problems, moreProblems } = tally.result();
    expect(problems).toHaveLength(listed);
    expect(problems.map(({ namespace }) => namespace).slice(0, 3)).toEqual(['ns-0', 'ns-1', 'ns-10']);
    expect(moreProblems).toBe(more);
  });
});

describe('the summary', () => {
  test('names each entry and cluster that was not done, with the first reason', () => {
    const report = reportOf({
      ok: false,
      secrets: [
        { name: 'pull', registries: ['a.io'], expiresAt: '2026-11-23T20:00:00.000Z' },
        {
          name: 'hub',
          registries: [],
          error: { code: 'NoError', reason: 'there is no secret hub', remedy: 'Create it.' },
        },
      ],
      clusters: [
        clusterReportOf({ id: 'fine', refreshed: 4 }),
        clusterReportOf({
          id: 'away',
          ok: false,
          error: { code: 'UnreachableError', reason: 'it cannot be reached', remedy: 'Look.' },
        }),
        clusterReportOf({
          id: 'some',
          ok: false,
          failed: 2,
          blocked: 1,
          problems: [
            problem({ outcome: 'blocked', reason: 'a quota' }),
            problem(),
            problem({ reason: 'another' }),
          ],
        }),
      ],
    });
    expect(summarizeFailures(report)).toBe(
      'secret hub: there is no secret hub; cluster away: 0 failed, it cannot be reached; cluster some: 2 failed, no right to patch',
    );
  });

  test('of a run that was ok is empty', () => {
    expect(summarizeFailures(reportOf())).toBe('');
  });
});
