import { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { paint, paragraphs, table } from '../../../lambda/cli/views.ts';

const HEADER = ['NAMESPACE', 'SECRET', 'WHY'];
const WHY = 'it belongs to vault-agent, which is not in adoptFrom, so it was left as it is';
const ROWS = [
  ['default', 'ecr-docker-creds', WHY],
  ['team-a', 'ecr-docker-creds', ''],
];
const before = Object.getOwnPropertyDescriptors(process.stdout);

beforeEach(() => {
  // a runner of CI is taken for a terminal without colours
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'CI', 'TMUX'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('TERM', 'xterm-256color');
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const name of ['isTTY', 'getColorDepth'] as const) {
    Object.defineProperty(process.stdout, name, before[name] ?? { value: undefined, configurable: true });
  }
});

function stdoutIsTerminal(value: boolean): void {
  const { getColorDepth } = WriteStream.prototype;
  Object.defineProperty(process.stdout, 'isTTY', { value, configurable: true });
  Object.defineProperty(process.stdout, 'getColorDepth', { value: getColorDepth, configurable: true });
}

describe('a table', () => {
  it('breaks no name, and has no trailing blanks', () => {
    expect(stripVTControlCharacters(table(HEADER, ROWS))).toBe(
      `NAMESPACE  SECRET            WHY
default    ecr-docker-creds  ${WHY}
team-a     ecr-docker-creds`,
    );
  });

  it('leaves a column without content out', () => {
    expect(stripVTControlCharacters(table(HEADER, ROWS.slice(1)))).toBe(
      'NAMESPACE  SECRET\nteam-a     ecr-docker-creds',
    );
  });

  it('is nothing without rows', () => {
    expect(table(HEADER, [])).toBe('');
    expect(paragraphs('one', table(HEADER, []), 'two')).toBe('one\n\ntwo');
  });
});

describe('colour', () => {
  const RED = '\u001b[31mfailed\u001b[39m';

  it.each([
    [true, {}, RED],
    [false, {}, 'failed'],
    [true, { NO_COLOR: '1' }, 'failed'],
    [false, { FORCE_COLOR: '1' }, RED],
    [true, { FORCE_COLOR: '0' }, 'failed'],
  ])('on a terminal (%s) with %j', (terminal, env, shown) => {
    stdoutIsTerminal(terminal);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(paint('red', 'failed')).toBe(shown);
  });
});
