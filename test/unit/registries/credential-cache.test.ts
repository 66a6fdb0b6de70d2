import { expect, test } from 'vitest';
import { CredentialCache, type PullCredentials } from '../../../lambda/registries/credentials.ts';
import { entryOf } from '../factories.ts';
import { ManualClock } from '../manual-clock.ts';

const HOUR = 3_600_000;

/** What ECR gives at a clock's time. */
function fetched(clock: ManualClock, hours = 12): PullCredentials {
  const token = { fetchedAt: new Date(clock.now()), expiresAt: new Date(clock.now() + hours * HOUR) };
  return { auths: new Map(), token };
}

test.for<[string, number]>([
  ['rate(8 hours)', 3],
  ['rate(10 hours)', 1],
  ['cron(0 0/6 * * ? *)', 5],
])('with %s a token of 12 hours is used again for less than %i hours', ([schedule, hours]) => {
  const clock = new ManualClock();
  const kept = new CredentialCache();
  const credentials = kept.keep(entryOf(), fetched(clock));
  clock.advance(hours * HOUR - 1);
  expect(kept.find(entryOf(), schedule, clock.now())).toBe(credentials);
  clock.advance(1);
  expect(kept.find(entryOf(), schedule, clock.now())).toBeUndefined();
});

test('a new token takes the place of an old one', () => {
  const clock = new ManualClock();
  const kept = new CredentialCache();
  kept.keep(entryOf(), fetched(clock));
  clock.advance(4 * HOUR);
  const newer = kept.keep(entryOf(), fetched(clock));
  expect(kept.find(entryOf(), 'rate(8 hours)', clock.now())).toBe(newer);
});

test('what tells no end, or not all of it, is read each time', () => {
  const clock = new ManualClock();
  const kept = new CredentialCache();
  const stored = { type: 'stored' as const, secretId: 'hub' };
  for (const registries of [[stored], [{ type: 'ecr' as const }, stored]]) {
    kept.keep(entryOf({ registries }), fetched(clock));
    expect(kept.find(entryOf({ registries }), 'rate(1 hour)', clock.now())).toBeUndefined();
  }
  kept.keep(entryOf(), { auths: new Map() });
  expect(kept.find(entryOf(), 'rate(1 hour)', clock.now())).toBeUndefined();
});

test('each entry has its own', () => {
  const clock = new ManualClock();
  const kept = new CredentialCache();
  kept.keep(entryOf({ name: 'a' }), fetched(clock));
  const other = entryOf({ name: 'a', registries: [{ type: 'ecr', region: 'us-east-1' }] });
  expect(kept.find(other, 'rate(8 hours)', clock.now())).toBeUndefined();
});
