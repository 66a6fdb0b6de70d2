import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesAny } from '../../lambda/glob.ts';

/** A glob by its definition: a star takes nothing, or one character and goes on. */
function matchesByDefinition(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  if (glob[0] === '*') {
    return (
      matchesByDefinition(glob.slice(1), name) || (name !== '' && matchesByDefinition(glob, name.slice(1)))
    );
  }
  return glob[0] === name[0] && matchesByDefinition(glob.slice(1), name.slice(1));
}

const letters = (alphabet: string[], maxLength: number) =>
  fc.array(fc.constantFrom(...alphabet), { maxLength }).map((all) => all.join(''));

describe('globs', () => {
  test.for<[string, string, boolean]>([
    ['*', 'anything', true],
    ['*', '', true],
    ['team-*', 'team-a', true],
    ['team-*', 'team-', true],
    ['team-*', 'my-team-a', false],
    ['*-prod', 'team-prod', true],
    ['*-prod', 'team-prod-2', false],
    ['team-*-prod', 'team-a-prod', true],
    ['team-*-prod', 'team-prod', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['**', 'a', true],
    ['prod', 'prod', true],
    ['prod', 'prod2', false],
    ['eu.prod', 'euxprod', false],
    ['eu.*', 'eu.prod', true],
    ['eu.*', 'eux', false],
  ])('%s takes %j: %s', ([glob, name, taken]) => {
    expect(matchesAny([glob], name)).toBe(taken);
  });

  test('match as their definition says', () => {
    fc.assert(
      fc.property(letters(['a', 'b', '.', '*'], 7), letters(['a', 'b', '.', '\n'], 9), (glob, name) => {
        expect(matchesAny([glob], name)).toBe(matchesByDefinition(glob, name));
      }),
      { numRuns: 2_000 },
    );
  });

  test('with many stars end soon', () => {
    expect(matchesAny([`${'*a'.repeat(30)}b`], 'a'.repeat(63))).toBe(false);
  });

  test('one that matches is enough, and none takes nothing', () => {
    expect(matchesAny(['x', 'team-*'], 'team-a')).toBe(true);
    expect(matchesAny([], 'team-a')).toBe(false);
  });
});
