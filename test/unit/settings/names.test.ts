import { expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { problemOf, withEntry, withRegistry } from './inputs.ts';

const long = (...lengths: number[]) => lengths.map((length) => 'x'.repeat(length)).join('.');
const SUBDOMAINS: [string, boolean][] = [
  ['a', true],
  ['0', true],
  ['a.b', true],
  ['a-b.c--d', true],
  [long(63, 63, 63, 61), true],
  [long(253), true],
  [long(254), false],
  [long(63, 63, 63, 62), false],
  ['', false],
  ['a..b', false],
  ['a-.b', false],
  ['a.-b', false],
  ['.a', false],
  ['a.', false],
  ['-a', false],
  ['a-', false],
  ['A', false],
  ['a_b', false],
  ['a\n', false],
  ['é', false],
];
const NAMESPACES: [string, boolean][] = [
  ['team-a', true],
  ['a--b', true],
  ['*', true],
  ['*-a', true],
  [long(63), true],
  [long(64), false],
  ['a.b', false],
  ['-a', false],
  ['a-', false],
  ['A', false],
  ['', false],
];

type Place = readonly [field: string, inputWith: (name: string) => unknown];

const places: readonly Place[] = [
  ['secrets[0].name', (name) => withEntry({ name })],
  ['secrets[0].serviceAccounts[0]', (name) => withEntry({ serviceAccounts: [name] })],
  ['secrets[0].registries[0].hosts[0]', (name) => withRegistry({ type: 'ecr', hosts: [name] })],
  ['secrets[0].registries[0].hosts[0]', (name) => withRegistry({ type: 'ecr', hosts: [`${name}:5000`] })],
  ['secrets[0].namespaces.selector', (name) => withEntry({ namespaces: { selector: `${name}/key` } })],
];
const namespacePlaces: readonly Place[] = [
  ['secrets[0].namespaces.include[0]', (name) => withEntry({ namespaces: { include: [name] } })],
  ['secrets[0].namespaces.exclude[0]', (name) => withEntry({ namespaces: { exclude: [name] } })],
];

test.for([
  ...places.flatMap(([field, inputWith]) =>
    // white space around the key of a selector is no part of it
    SUBDOMAINS.filter(([name]) => !(field.endsWith('selector') && name.endsWith('\n'))).map(
      ([name, isTaken]) => [field, name, isTaken, inputWith] as const,
    ),
  ),
  ...namespacePlaces.flatMap(([field, inputWith]) =>
    NAMESPACES.map(([name, isTaken]) => [field, name, isTaken, inputWith] as const),
  ),
])('%s of %j is taken: %s', ([field, name, isTaken, inputWith]) => {
  const input = inputWith(name);
  if (isTaken) expect(() => checkSettings(input)).not.toThrow();
  else expect(problemOf(input)).toContain(`${field}: `);
});

test.for([
  ['a', false],
  ['ab', true],
  ['a'.repeat(40), true],
  ['a'.repeat(41), false],
  ['a-', false],
  ['1a', false],
  ['a.b', false],
  ['a\n', false],
] as const)('the deployment %j is taken: %s', ([name, isTaken]) => {
  const input = { ...withEntry({}), name };
  if (isTaken) expect(checkSettings(input).name).toBe(name);
  else expect(problemOf(input)).toContain(`name: ${JSON.stringify(name)} is not a name of 2 to 40`);
});
