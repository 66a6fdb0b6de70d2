import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeSize,
  functionSettings,
  packSettings,
  parameterName,
  sizeInEnvironment,
  unpackSettings,
} from '../../../lambda/settings/packing.ts';
import { readSettings } from '../../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';

describe('the environment', () => {
  test('is read', () => {
    expect(readSettings({ SETTINGS: '{"clusters":[{"name":"prod"}],"concurrency":4}' }).concurrency).toBe(4);
  });

  test.for<[string, { SETTINGS?: string }, string]>([
    ['missing', {}, 'settings: the environment variable SETTINGS is missing'],
    ['empty', { SETTINGS: '' }, 'settings: the environment variable SETTINGS is missing'],
    ['not JSON', { SETTINGS: '{clusters' }, 'settings: the environment variable SETTINGS is not JSON'],
    ['against the schema', { SETTINGS: '{}' }, 'settings: clusters: expected array, found nothing'],
  ])('is refused: %s', ([, environment, problem]) => {
    expect(() => readSettings(environment)).toThrow(
      expect.objectContaining({
        name: 'SettingsError',
        problem,
        fix: 'Correct the settings and deploy again.',
      }),
    );
  });
});

/** Entries of so many teams. */
function teams(count: number): SettingsInput {
  return {
    clusters: [{ name: 'prod' }],
    secrets: Array.from({ length: count }, (_, nth) => ({ namespaces: { include: [`team-${nth}`] } })),
  };
}

test('settings in the environment are no more than Lambda takes beside its other variables, quotes counted as it counts them', () => {
  const fits = (count: number) => sizeInEnvironment(teams(count)) <= 3_500;
  const most = Array.from({ length: 200 }, (_, count) => count).filter(fits).length - 1;
  const others = 'x'.repeat(470);
  const variables = JSON.stringify({ SETTINGS: JSON.stringify(teams(most)), others });
  expect(Buffer.byteLength(variables)).toBeLessThan(4_096);
  expect(Buffer.byteLength(variables)).toBeGreaterThan(3_900);
});

test('the function gets nothing that only the deployment needs', () => {
  const clusters = [{ name: 'prod' }];
  const deployment = { alarmEmail: 'a@b.c', tags: [{ key: 'a', value: 'b' }], logRetentionDays: 30 };
  expect(functionSettings({ clusters, fleet: true, ...deployment })).toEqual({ clusters, fleet: true });
});

describe('packed settings', () => {
  const parametersOf = (settings: object) => {
    const { path, values } = packSettings(settings, 'name');
    return values.map((Value, at) => ({ Name: parameterName(path, at), Value }));
  };

  test('are the same when they are unpacked, whatever the order of their parameters', () => {
    const order = fc.infiniteStream(fc.nat());
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string({ maxLength: 3_000 })), order, (settings, lots) => {
        const drawn = parametersOf(settings).map((parameter) => ({ parameter, lot: lots.next().value }));
        const shuffled = drawn.sort((one, other) => one.lot - other.lot).map(({ parameter }) => parameter);
        expect(JSON.parse(unpackSettings(shuffled))).toEqual(settings);
      }),
    );
  });

  test('fit in standard parameters, whose path other settings do not have', () => {
    const settings = { ...teams(1), note: randomBytes(6_000).toString('hex') };
    const { path, values } = packSettings(settings, 'name');
    expect(values.length).toBeGreaterThan(1);
    for (const value of values) expect(value).toMatch(/^[\w+/=]{1,4096}$/);
    expect(path).toMatch(/^\/ecr-registry-helper\/name\/[0-9a-f]{16}$/);
    expect(packSettings({ ...settings, fleet: true }, 'name').path).not.toBe(path);
    expect(packSettings({ ...settings }, 'name').path).toBe(path);
  });

  test('are refused when a parameter is missing', () => {
    const [, ...others] = parametersOf({ note: randomBytes(6_000).toString('hex') });
    // some random bytes are an empty stream to Brotli, and no JSON
    expect(() => JSON.parse(unpackSettings(others))).toThrow();
  });

  test.for([
    ['random text', () => randomBytes(700_000).toString('base64')],
    ['text that unpacks to too much', () => 'x'.repeat(5 * 1024 * 1024)],
  ] as const)('are too large: %s', ([, note]) => {
    expect(() => packSettings({ note: note() }, 'name')).toThrow(/^settings: they take \d+ bytes compressed/);
  });

  test('of 500 clusters with a CA each and 200 teams fit, and are described', () => {
    const caData = () =>
      `-----BEGIN CERTIFICATE-----\n${randomBytes(780).toString('base64')}\n-----END CERTIFICATE-----`;
    const clusters = Array.from({ length: 500 }, (_, nth) => ({
      name: `cluster-${nth}`,
      server: `https://cluster-${nth}.example.com:6443`,
      caData: Buffer.from(caData()).toString('base64'),
    }));
    const settings = { ...teams(200), clusters };
    expect(describeSize(settings, 'name')).toMatch(/^[67]\d{5} bytes, in SSM parameters \(1\d\d\)$/);
    expect(describeSize(teams(200), 'name')).toMatch(/^\d{4,5} bytes, in SSM parameters \(1\)$/);
    expect(describeSize(teams(1), 'name')).toMatch(/^\d\d of 3500 bytes$/);
  });
});
