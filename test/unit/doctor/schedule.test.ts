import { expect, test } from 'vitest';
import { examineRoom } from '../../../lambda/doctor/schedule.ts';

const HOUR_MS = 3_600_000;
const living = (...hours: number[]) =>
  hours.map((life) => ({
    auths: new Map(),
    token: { fetchedAt: new Date(0), expiresAt: new Date(life * HOUR_MS) },
  }));

test.for([
  ['rate(8 hours)', [12], 'pass'],
  ['rate(10 hours)', [12], 'pass'],
  ['rate(8 hours)', [9], 'fail'],
  ['rate(8 hours)', [9.1], 'pass'],
  ['rate(8 hours)', [12, 6], 'fail'],
  ['cron(0 8,12 * * ? *)', [12], 'fail'],
  ['rate(1 hour)', [0.5], 'fail'],
] as const)('with %s and tokens of %j hours there is room: %s', ([schedule, hours, result]) => {
  expect(examineRoom({ schedule }, living(...hours))).toMatchObject([{ step: 'schedule', result }]);
});

test('without a token of ECR there is nothing to say', () => {
  expect(examineRoom({ schedule: 'rate(8 hours)' }, [{ auths: new Map() }])).toEqual([]);
});
