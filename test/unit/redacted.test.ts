import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, formatWithOptions, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Redacted } from '../../lambda/errors.ts';

const secret = new Redacted('CanaryHunter2');
const ways: [string, () => unknown][] = [
  ['a template', () => `${secret}`],
  ['concatenation', () => `token ${String(secret)}`.concat(secret as unknown as string)],
  ['a list', () => [secret, [secret]].join()],
  ['JSON', () => JSON.stringify({ secret, all: [secret] })],
  ['JSON of its own fields', () => JSON.stringify({ ...secret })],
  ['its entries', () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret)])],
  ['a structured clone', () => inspect(structuredClone({ secret }), { depth: 9, showHidden: true })],
  ['inspect', () => inspect({ secret, map: new Map([['a', secret]]) }, { depth: 9 })],
  [
    'inspect of all there is',
    () => inspect(secret, { showHidden: true, customInspect: false, getters: true }),
  ],
  ['format %s', () => format('%s', secret)],
  ['format %o', () => format('%o', secret)],
  ['format %O', () => formatWithOptions({ showHidden: true }, '%O', [secret])],
  ['format %j', () => format('%j', { secret })],
  ['format without a place for it', () => format('token', secret)],
  ['an error message', () => new Error(`refused ${secret}`).stack],
  ['a cause', () => inspect(new Error('refused', { cause: secret }), { depth: 9, showHidden: true })],
  [
    'an error with it as a field',
    () => inspect(Object.assign(new Error('x'), { secret }), { showHidden: true }),
  ],
  ['a console', () => printed((console) => console.log({ secret }, secret, '%o', secret))],
  ['a table', () => printed((console) => console.table([{ secret }]))],
  ['dir', () => printed((console) => console.dir(secret, { showHidden: true }))],
];

function printed(print: (console: Console) => void): string {
  let text = '';
  const stdout = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  print(new Console(stdout));
  return text;
}

test.for(ways)('%s does not show it', ([, show]) => {
  const shown = String(show());
  expect(shown).not.toMatch(/Canary|Hunter/);
  expect(shown.length).toBeGreaterThan(0);
});

test('what is shown says that something was left out', () => {
  expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual([
    '[redacted]',
    '"[redacted]"',
    '[redacted]',
  ]);
});

test('only reveal hands it out', () => {
  expect(secret.reveal()).toBe('CanaryHunter2');
});
