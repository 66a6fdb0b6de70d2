import { expect, test } from 'vitest';
import { checkHeadroom } from '../../../lambda/doctor/aws-checks.ts';
import type { DoctorState } from '../../../lambda/doctor/doctor.ts';
import type { PullCredentials } from '../../../lambda/registries/credentials.ts';
import { entryOf, settingsOf } from '../factories.ts';

const HOUR_MS = 3_600_000;
const living = (...hours: number[]) =>
  hours.map((life) => ({
    auths: new Map(),
    token: { fetchedAt: new Date(0), expiresAt: new Date(life * HOUR_MS) },
  }));

const check = (schedule: string, given: readonly PullCredentials[]) => {
  const credentials = new Map(given.map((one) => [entryOf(), one]));
  const scope = { clusters: [], entries: [...credentials.keys()] };
  const ctx = {
    settings: { ...settingsOf(), schedule },
    scope,
    environment: { deployCommand: 'npx cdk deploy' },
  };
  return checkHeadroom({ ctx, credentials } as unknown as DoctorState);
};

test.for([
  ['rate(8 hours)', [12], 'pass'],
  ['rate(10 hours)', [12], 'pass'],
  ['rate(8 hours)', [9], 'fail'],
  ['rate(8 hours)', [9.1], 'pass'],
  ['rate(8 hours)', [12, 6], 'fail'],
  ['cron(0 8,12 * * ? *)', [12], 'fail'],
  ['rate(1 hour)', [0.5], 'fail'],
] as const)('with %s and tokens of %j hours there is room: %s', ([schedule, hours, result]) => {
  expect(check(schedule, living(...hours))).toMatchObject([{ step: 'schedule', result }]);
});

test('without a token of ECR there is nothing to say', () => {
  expect(check('rate(8 hours)', [{ auths: new Map() }])).toEqual([]);
});
