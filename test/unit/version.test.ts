import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VERSION } from '../../lambda/context.ts';

test('the version that audit logs see is that of the package', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(VERSION).toBe(version);
});
