import { describe, expect, test } from 'vitest';
import { checkSize } from '../../../lambda/settings/environment.ts';
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

test('settings that fit are no more than Lambda takes beside its other variables, quotes counted as it counts them', () => {
  const settings = (count: number): SettingsInput => ({
    clusters: [{ name: 'prod' }],
    secrets: Array.from({ length: count }, (_, nth) => ({ namespaces: { include: [`team-${nth}`] } })),
  });
  const fits = (count: number) => {
    try {
      return checkSize(settings(count)) > 0;
    } catch {
      return false;
    }
  };
  const most = Array.from({ length: 200 }, (_, count) => count).filter(fits).length - 1;
  const others = 'x'.repeat(470);
  const variables = JSON.stringify({ SETTINGS: JSON.stringify(settings(most)), others });
  expect(Buffer.byteLength(variables)).toBeLessThan(4_096);
  expect(Buffer.byteLength(variables)).toBeGreaterThan(3_900);
});
