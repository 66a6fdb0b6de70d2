import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../lambda/handler.ts';
import { deploy, invoke } from '../integration/run.ts';
import { FUNCTION } from '../sandbox/world.ts';
import { cli, deployFunction, type Ended, STACK, settingsFile, temporaryFile, yourEnv } from './cli.ts';

/** A title and a cleared screen, C1, a turned direction, nothing visible, a tag, a hidden text. */
const ESCAPES =
  '\u001b]0;own\u0007\u001b[2J\u009b1m\u0085\u202e\u2066\u200b\ufeff\u{e0041}\u007f\r\u001b[8mx\u001b[0m';
const UNSAFE = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const COLOUR = new RegExp(`${ESCAPES[0]}\\[\\d+m`, 'g');
/** Fields that hold one of a few words, by which a view looks something up. */
const WORDS = ['action', 'outcome', 'condition', 'result', 'step', 'startedAt', 'expiresAt', 'fetchedAt'];

/** The same answer with escape sequences in each of its texts. */
function spoiled(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer, (key, value) =>
      typeof value === 'string' && !WORDS.includes(key) ? `${ESCAPES}${value}` : value,
    ),
  );
}

function expectPlain({ stdout, stderr }: Ended): void {
  expect(stdout).not.toMatch(UNSAFE);
  expect(stderr).not.toMatch(UNSAFE);
  expect(stdout + stderr).not.toBe('');
}

describe('no escape sequence reaches a terminal', () => {
  const settings = {
    clusters: [{ name: 'demo' }],
    secrets: [{}, { name: 'more', registries: [{ type: 'stored' as const, secretId: 'gone' }] }],
    cleanup: true,
  };

  it.each([
    ['refresh'],
    ['plan'],
    ['status'],
    ['doctor'],
    ['cleanup', '--cluster', 'demo', '--all', '--dry-run'],
    ['invoke', '{"action":"status"}'],
  ])('of the answer to %s', async (...args) => {
    const world = await deployFunction(settings);
    world.aws.functions.set(FUNCTION, async (event) => spoiled((await invoke<Answer>(world, event)).value));
    const env = yourEnv(world);
    expectPlain(await cli(args, env));
    const json = await cli([...args, '--json'], env);
    expectPlain(json);
    // nothing is lost in JSON
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain(JSON.stringify(ESCAPES).slice(1, -1));
  });

  it.each(['discover', 'summarize'])('of the answer to %s', async (action) => {
    const world = await deployFunction();
    const startedAt = new Date().toISOString();
    const problems = [{ where: ESCAPES, reason: ESCAPES, remedy: ESCAPES }];
    const items = [{ action: 'refresh', clusters: [ESCAPES] }];
    const failed = [{ id: ESCAPES, ok: false, reason: ESCAPES }];
    const answer = { ok: false, action, startedAt, durationMs: 1, problems, items, failed, clusters: 1 };
    world.aws.functions.set(FUNCTION, async () => answer);
    expectPlain(await cli(['invoke', JSON.stringify({ action })], yourEnv(world)));
  });

  it('of the error of the function', async () => {
    const world = await deployFunction();
    world.aws.functions.set(FUNCTION, () => Promise.reject(new Error(ESCAPES)));
    expectPlain(await cli(['status'], yourEnv(world)));
  });

  it('of an output of the stack', async () => {
    const world = await deployFunction();
    world.aws.stacks.set(STACK, { FunctionName: `${ESCAPES}name` });
    expectPlain(await cli(['status'], yourEnv(world)));
  });

  it('of settings, of their file, and of what was typed', async () => {
    expectPlain(
      await cli(['settings', 'check', temporaryFile(JSON.stringify({ clusters: [{ name: ESCAPES }] }))]),
    );
    expectPlain(await cli(['settings', 'check', temporaryFile(JSON.stringify({ [ESCAPES]: 1 }))]));
    expectPlain(await cli(['settings', 'check', temporaryFile(`{ ${ESCAPES}`)]));
    const file = settingsFile({ clusters: [{ name: 'demo' }], $schema: ESCAPES });
    expectPlain(await cli(['settings', 'check', file]));
    expectPlain(await cli(['settings', 'check', file, '--json']));
    expectPlain(await cli(['rbac', '--settings', file, '--cluster', ESCAPES]));
    expectPlain(await cli([ESCAPES]));
    expectPlain(await cli(['status', `--${ESCAPES}`]));
    expectPlain(await cli(['settings', 'check', `/${ESCAPES}`]));
  });

  it('and colours are kept', async () => {
    const world = await deployFunction();
    const { stdout } = await cli(['status'], { ...yourEnv(world), FORCE_COLOR: '1' });
    expect(stdout).toContain('\u001b[');
    expect(stdout.replaceAll(COLOUR, '')).not.toMatch(UNSAFE);
  });
});

it('all output of the command line goes one way', () => {
  const files = readdirSync('lambda/cli', { recursive: true, encoding: 'utf8' });
  const writing = files.filter(
    (file) =>
      file.endsWith('.ts') &&
      /console\.|std(out|err)\.write\(/.test(readFileSync(`lambda/cli/${file}`, 'utf8')),
  );
  expect(writing).toEqual(['io.ts']);
});

it('the log of a run escapes what an event brings', async () => {
  const world = await deploy();
  const { output } = await invoke(world, { clusters: [ESCAPES] });
  expect(output).not.toMatch(UNSAFE);
});
