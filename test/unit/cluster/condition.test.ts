import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { standingOf } from '../../../lambda/cluster/condition.ts';
import type { HeldSecret } from '../../../lambda/cluster/held-secrets.ts';
import { entryOf } from '../factories.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-23T12:00:00Z');
const TIMES = { now: NOW, staleAfterMs: 9 * HOUR };

/** A secret of ours whose token is an hour old, but for what a test gives. */
function held(given: Partial<HeldSecret> = {}): HeldSecret {
  return {
    namespace: 'team-a',
    uid: 'uid',
    resourceVersion: '1',
    isOurs: true,
    fetchedAt: NOW - HOUR,
    expiresAt: NOW + 11 * HOUR,
    pullRole: undefined,
    holders: [],
    isDockerConfig: true,
    ...given,
  };
}

describe('a secret', () => {
  test.for<[string, Partial<HeldSecret>, string]>([
    ['whose token is young is fresh', {}, 'fresh'],
    ['as old as may be is fresh', { fetchedAt: NOW - 9 * HOUR }, 'fresh'],
    ['a millisecond older is stale', { fetchedAt: NOW - 9 * HOUR - 1 }, 'stale'],
    ['a millisecond before its end is fresh', { expiresAt: NOW + 1 }, 'fresh'],
    ['at its end has expired', { expiresAt: NOW }, 'expired'],
    ['that has expired is not just stale', { fetchedAt: 0, expiresAt: NOW - 1 }, 'expired'],
    ['that says no fetch is stale', { fetchedAt: undefined }, 'stale'],
    ['that says no end is stale', { expiresAt: undefined }, 'stale'],
    ['without our label is foreign', { isOurs: false }, 'foreign'],
    ['of one who may be adopted is foreign', { holders: ['kubectl-create'] }, 'foreign'],
    ['of somebody else is blocked', { holders: ['vault-agent'] }, 'blocked'],
    [
      'of one who may be adopted and somebody else is blocked',
      { holders: ['kubectl-create', 'vault-agent'] },
      'blocked',
    ],
    ['of another type is blocked', { isOurs: false, isDockerConfig: false }, 'blocked'],
    [
      'of somebody else is blocked though it has expired',
      { holders: ['vault-agent'], expiresAt: 0 },
      'blocked',
    ],
  ])('%s', ([, given, condition]) => {
    expect(standingOf(held(given), entryOf(), TIMES)).toMatchObject({ condition });
  });

  test('of ECR Public alone ends too', () => {
    const entry = entryOf({ registries: [{ type: 'ecr-public' }] });
    expect(standingOf(held({ expiresAt: NOW }), entry, TIMES)).toMatchObject({ condition: 'expired' });
  });

  test('that is not there is missing', () => {
    expect(standingOf(undefined, entryOf(), TIMES)).toEqual({
      condition: 'missing',
      reason: 'there is no such secret',
      remedy: expect.stringContaining('Refresh'),
    });
  });

  test('with a stored login alone is fresh though it has no times', () => {
    const entry = entryOf({ registries: [{ type: 'stored', secretId: 'hub' }] });
    const standing = standingOf(held({ fetchedAt: undefined, expiresAt: undefined }), entry, TIMES);
    expect(standing).toEqual({ condition: 'fresh' });
  });

  test('with a stored login alone that still holds a token is not what its entry asks for', () => {
    const entry = entryOf({ registries: [{ type: 'stored', secretId: 'hub' }] });
    expect(standingOf(held({}), entry, TIMES)).toMatchObject({
      condition: 'stale',
      reason: 'it holds a token that its entry does not ask for',
    });
    expect(standingOf(held({ expiresAt: NOW }), entry, TIMES)).toMatchObject({ condition: 'expired' });
  });

  test('of another type is foreign where the entry may replace it, unless somebody holds it', () => {
    const entry = entryOf({ recreate: true });
    const other = { isOurs: false, isDockerConfig: false };
    expect(standingOf(held(other), entry, TIMES)).toMatchObject({ condition: 'foreign' });
    expect(standingOf(held({ ...other, holders: ['x'] }), entry, TIMES)).toMatchObject({
      condition: 'blocked',
      reason: 'it is managed by "x"',
    });
  });

  test('tells its times, its age, and a reason and a remedy unless it is fresh', () => {
    const fetchedAt = NOW - 9 * HOUR - 61_000;
    expect(standingOf(held({ fetchedAt }), entryOf(), TIMES)).toEqual({
      condition: 'stale',
      fetchedAt: '2026-11-23T02:58:59.000Z',
      expiresAt: '2026-11-23T23:00:00.000Z',
      reason: 'its token is 9 h 1 min old',
      remedy: expect.stringContaining('Refresh'),
    });
    expect(standingOf(held(), entryOf(), TIMES)).toEqual({
      condition: 'fresh',
      fetchedAt: '2026-11-23T11:00:00.000Z',
      expiresAt: '2026-11-23T23:00:00.000Z',
    });
  });

  test('is never fresh without our label, with a holder, or with a token that has ended', () => {
    const time = fc.option(fc.integer({ min: NOW - 24 * HOUR, max: NOW + 24 * HOUR }), { nil: undefined });
    const any = fc.record({
      isOurs: fc.boolean(),
      isDockerConfig: fc.boolean(),
      fetchedAt: time,
      expiresAt: time,
      holders: fc.array(fc.constantFrom('kubectl-create', 'vault-agent'), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(any, fc.boolean(), (given, recreate) => {
        const { condition, reason, remedy } = standingOf(held(given), entryOf({ recreate }), TIMES);
        const { isOurs, holders, fetchedAt = 0, expiresAt = 0 } = given;
        const young = NOW - fetchedAt <= TIMES.staleAfterMs && expiresAt > NOW;
        if (condition === 'fresh') expect([isOurs, holders, young]).toEqual([true, [], true]);
        else expect([reason, remedy]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
      }),
    );
  });
});
