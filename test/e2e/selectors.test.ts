import { afterAll, beforeAll, expect, test } from 'vitest';
import { SELECTORS } from '../unit/settings/selectors.ts';
import { startWorld, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world?.stop());

test('the API server takes and refuses the selectors that the settings take and refuse', async () => {
  const taken = await Promise.all(
    SELECTORS.map(async ([labelSelector]) => {
      const { status } = await world.admin.request('GET', '/api/v1/namespaces', { query: { labelSelector } });
      expect([200, 400]).toContain(status);
      return [labelSelector, status === 200];
    }),
  );
  expect(taken).toEqual(SELECTORS);
});
