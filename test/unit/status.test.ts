import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HeldSecret } from '../../lambda/refresh/ownership.ts';
import { judgeSecret } from '../../lambda/status.ts';
import { entryOf } from './factories.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-23T12:00:00Z');
const TIMES = { now: NOW, staleAfterMs: 9 * HOUR };

/** A secret of ours whose token is an hour old, but for what a test gives. */
function held(given: Partial<HeldSecret> = {}): HeldSecret {
  return {
    name: 'ecr-docker-creds',
    namespace: 'team-a',
    uid: 'uid',
    resourceVersion: '1',
    owner: 'ours',
    isLabelled: true,
    fetchedAt: NOW - HOUR,
    expiresAt: NOW + 11 * HOUR,
    pullRole: undefined,
    managers: [],
    expiryManagers: [],
    pullRoleManagers: [],
    entryManagers: new Map(),
    isDockerConfig: true,
    ...given,
  };
}

/** As after a restore from a backup. */
const MARKED = { owner: 'marked', managers: ['velero'] } as const;

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
    ['without an Apply entry of ours is foreign', { owner: 'others' }, 'foreign'],
    ['that only carries our label and annotations is foreign', MARKED, 'foreign'],
    ['fetched in the future is stale', { fetchedAt: NOW + 61_000 }, 'stale'],
    ['fetched by a clock a minute ahead is fresh', { fetchedAt: NOW + 60_000 }, 'fresh'],
    ['with a spoofed expiry is stale', { expiresAt: Date.parse('9999-01-01T00:00:00Z') }, 'stale'],
    ['with an expiry in 13 hours is fresh', { expiresAt: NOW + 13 * HOUR }, 'fresh'],
    ['with one a millisecond later is stale', { expiresAt: NOW + 13 * HOUR + 1 }, 'stale'],
    ['of one who may be adopted is foreign', { managers: ['kubectl-create'] }, 'foreign'],
    ['of somebody else is blocked', { managers: ['vault-agent'] }, 'blocked'],
    ['whose expiry is somebody else’s is blocked', { expiryManagers: ['vault-agent'] }, 'blocked'],
    [
      'of one who may be adopted and somebody else is blocked',
      { managers: ['kubectl-create', 'vault-agent'] },
      'blocked',
    ],
    ['of another type is blocked', { owner: 'others', isDockerConfig: false }, 'blocked'],
    [
      'of somebody else is blocked though it has expired',
      { managers: ['vault-agent'], expiresAt: 0 },
      'blocked',
    ],
  ])('%s', ([, given, condition]) => {
    expect(judgeSecret(held(given), entryOf(), TIMES)).toMatchObject({ condition });
  });

  test('of ECR Public alone ends too', () => {
    const entry = entryOf({ registries: [{ type: 'ecr-public' }] });
    expect(judgeSecret(held({ expiresAt: NOW }), entry, TIMES)).toMatchObject({ condition: 'expired' });
  });

  test('that is not there is missing', () => {
    expect(judgeSecret(undefined, entryOf(), TIMES)).toEqual({
      condition: 'missing',
      reason: 'the secret does not exist',
      remedy: expect.stringContaining('Refresh'),
    });
  });

  test('with stored credentials alone is fresh though it has no expiry', () => {
    const entry = entryOf({ registries: [{ type: 'stored', secretId: 'hub' }] });
    expect(judgeSecret(held({ expiresAt: undefined }), entry, TIMES)).toMatchObject({ condition: 'fresh' });
    const undated = held({ fetchedAt: undefined, expiresAt: undefined });
    expect(judgeSecret(undated, entry, TIMES)).toMatchObject({ condition: 'stale' });
  });

  test('with a stored login alone that still holds a token is not what its entry asks for', () => {
    const entry = entryOf({ registries: [{ type: 'stored', secretId: 'hub' }] });
    expect(judgeSecret(held({}), entry, TIMES)).toMatchObject({
      condition: 'stale',
      reason: 'it holds a token, and its entry has none',
    });
    expect(judgeSecret(held({ expiresAt: NOW }), entry, TIMES)).toMatchObject({ condition: 'expired' });
  });

  test('with stored credentials alone is fresh beside an expiry of others, which a refresh leaves alone', () => {
    const entry = entryOf({ registries: [{ type: 'stored', secretId: 'hub' }] });
    const adopted = held({ expiresAt: NOW, expiryManagers: ['velero'] });
    expect(judgeSecret(adopted, entry, TIMES)).toMatchObject({ condition: 'fresh' });
  });

  test('of another type is foreign where the entry may replace it, unless somebody holds it', () => {
    const entry = entryOf({ recreate: true });
    const other = { owner: 'others' as const, isDockerConfig: false };
    expect(judgeSecret(held(other), entry, TIMES)).toMatchObject({ condition: 'foreign' });
    expect(judgeSecret(held({ ...other, managers: ['x'] }), entry, TIMES)).toMatchObject({
      condition: 'blocked',
      reason: 'it is managed by "x"',
    });
  });

  test('tells its times, its age, and a reason and a remedy unless it is fresh', () => {
    const fetchedAt = NOW - 9 * HOUR - 61_000;
    expect(judgeSecret(held({ fetchedAt }), entryOf(), TIMES)).toEqual({
      condition: 'stale',
      fetchedAt: '2026-11-23T02:58:59.000Z',
      expiresAt: '2026-11-23T23:00:00.000Z',
      reason: 'its token was fetched 9 h 1 min ago',
      remedy: expect.stringContaining('Refresh'),
    });
    expect(judgeSecret(held(), entryOf(), TIMES)).toEqual({
      condition: 'fresh',
      fetchedAt: '2026-11-23T11:00:00.000Z',
      expiresAt: '2026-11-23T23:00:00.000Z',
    });
  });

  test('is never fresh without our Apply entry, with fields of another manager, or with a token that has ended', () => {
    const time = fc.option(fc.integer({ min: NOW - 24 * HOUR, max: NOW + 24 * HOUR }), { nil: undefined });
    const any = fc.record({
      owner: fc.constantFrom('ours' as const, 'marked' as const, 'others' as const),
      isDockerConfig: fc.boolean(),
      fetchedAt: time,
      expiresAt: time,
      managers: fc.array(fc.constantFrom('kubectl-create', 'vault-agent'), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(any, fc.boolean(), (given, recreate) => {
        const { condition, reason, remedy } = judgeSecret(held(given), entryOf({ recreate }), TIMES);
        const { owner, managers, fetchedAt = 0, expiresAt = 0 } = given;
        const young = NOW - fetchedAt <= TIMES.staleAfterMs && expiresAt > NOW;
        if (condition === 'fresh') expect([owner, managers, young]).toEqual(['ours', [], true]);
        else expect([reason, remedy]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
      }),
    );
  });
});
