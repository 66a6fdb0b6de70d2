import { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { paint, paragraphs, remedies, table } from '../../../lambda/cli/views.ts';

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
  it('has one line a row where there is no terminal, without trailing blanks', () => {
    expect(stripVTControlCharacters(table(HEADER, ROWS, undefined))).toBe(
      `NAMESPACE  SECRET            WHY
default    ecr-docker-creds  ${WHY}
team-a     ecr-docker-creds`,
    );
  });

  it('wraps long texts at the width of the terminal', () => {
    expect(stripVTControlCharacters(table(HEADER, ROWS, 60))).toBe(
      `NAMESPACE  SECRET            WHY
default    ecr-docker-creds  it belongs to vault-agent,
                             which is not in adoptFrom, so
                             it was left as it is
team-a     ecr-docker-creds`,
    );
  });

  it.each([20, 35, 50, 80, 200])('shows every word within %i characters', (width) => {
    const lines = stripVTControlCharacters(table(HEADER, ROWS, width)).split('\n');
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    const words = (text: string) => text.split(/\s+/).filter((word) => word !== '');
    const shown = words(lines.join(' '));
    expect(shown).toEqual(expect.arrayContaining(words([...HEADER, ...ROWS.flat()].join(' '))));
  });

  it.each([0, 1, 5])('is drawn on a terminal that says it has %i columns', (width) => {
    expect(stripVTControlCharacters(table(HEADER, ROWS, width)).replaceAll(/\s/g, '')).toContain(
      'vault-agent',
    );
  });

  it('leaves a column without content out', () => {
    expect(stripVTControlCharacters(table(HEADER, ROWS.slice(1), 80))).toBe(
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

describe('remedies', () => {
  it('are said once each, with the first three of what they are for', () => {
    const same = ['a', 'b', 'b', 'c', 'd', 'e'].map((about) => ({ about, remedy: 'Do this.' }));
    expect(
      remedies([...same, { about: 'f', remedy: 'Do that.' }, { about: 'g' }, { about: 'h', remedy: '' }]),
    ).toBe('-> a, b, c and 2 more: Do this.\n-> f: Do that.');
  });
});
