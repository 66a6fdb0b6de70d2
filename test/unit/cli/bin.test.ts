import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('asks for the Node that package.json asks for', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8'));
  const [, needed = ''] = /NEEDED = \[([^\]]+)\]/.exec(readFileSync('lambda/cli/bin.js', 'utf8')) ?? [];
  expect(`>=${needed.replace(', ', '.')}`).toBe(engines.node);
});
