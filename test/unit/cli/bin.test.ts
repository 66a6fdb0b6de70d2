import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { run } from '../../cli/process.ts';

const { engines, scripts } = JSON.parse(readFileSync('package.json', 'utf8'));

it('asks for the Node that package.json asks for', () => {
  const [, needed = ''] = /NEEDED = \[([^\]]+)\]/.exec(readFileSync('lambda/cli/bin.js', 'utf8')) ?? [];
  expect(`>=${needed.replace(', ', '.')}`).toBe(engines.node);
  expect(readFileSync('README.md', 'utf8')).toContain(`Node ${engines.node.replace('>=', '')} or later`);
});

it.each([
  ['20.20.2', 1],
  ['22.9.0', 1],
  ['22.19.0', 0],
  ['24.0.0', 0],
])('Node %s ends the check before scripts of the repository with %i', async (node, code) => {
  const versions = `Object.defineProperty(process, 'versions', { value: { node: '${node}' } })`;
  const preload = `data:text/javascript,${encodeURIComponent(versions)}`;
  const ended = await run(process.execPath, ['--import', preload, 'check-node.js']);
  expect(ended).toEqual({ code, stdout: '', stderr: expect.any(String) });
  expect(/ npm rebuild node --ignore-scripts=false\n$/.test(ended.stderr)).toBe(code === 1);
});

it('is checked before the scripts that a newcomer runs', () => {
  const checked = Object.keys(scripts).filter((name) => scripts[`pre${name}`] === 'node check-node.js');
  expect(checked.sort()).toEqual(['build:lambda', 'cli', 'rbac', 'test']);
  for (const name of ['sandbox', 'test:e2e', 'bench'])
    expect(scripts[name]).toMatch(/^npm run -s build:lambda && /);
});
