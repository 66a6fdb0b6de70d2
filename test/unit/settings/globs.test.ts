import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  containsGlob,
  coversNamespace,
  entriesOf,
  matchesAny,
  overlap,
} from '../../../lambda/settings/selection.ts';
import { entryOf, settingsOf } from '../factories.ts';

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

describe('two globs', () => {
  // every word that two such short globs can tell apart, `c` being what neither names
  const words = (length: number): string[] =>
    length === 0 ? [''] : words(length - 1).flatMap((word) => ['a', 'b', 'c'].map((letter) => letter + word));
  const names = [0, 1, 2, 3, 4, 5, 6].flatMap(words);
  const glob = letters(['a', 'b', '*'], 4);

  test('contain each other where every name of one is one of the other', () => {
    fc.assert(
      fc.property(glob, glob, (one, other) => {
        const isContained = names.every((name) => !matchesAny([other], name) || matchesAny([one], name));
        expect(containsGlob(one, other)).toBe(isContained);
      }),
      { numRuns: 2_000 },
    );
  });

  test('overlap where some name is of both', () => {
    fc.assert(
      fc.property(glob, glob, (one, other) => {
        expect(overlap(one, other)).toBe(
          names.some((name) => matchesAny([one], name) && matchesAny([other], name)),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the globs of an entry', () => {
  test('exclude namespaces before they include any', () => {
    const entry = entryOf({ namespaces: { include: ['team-*', 'lab'], exclude: ['team-x', '*-old'] } });
    const covered = ['team-a', 'lab', 'team-x', 'team-old', 'kube-system'].filter((name) =>
      coversNamespace(entry, name),
    );
    expect(covered).toEqual(['team-a', 'lab']);
  });

  test('the entries of a cluster keep their order', () => {
    const settings = settingsOf({
      clusters: [{ name: 'prod-eu' }, { name: 'dev' }],
      secrets: [
        { name: 'c', clusters: ['*'] },
        { name: 'b', clusters: ['dev'] },
        { name: 'a', clusters: ['prod-*'] },
      ],
    });
    expect(entriesOf(settings, 'prod-eu').map(({ name }) => name)).toEqual(['c', 'a']);
    expect(entriesOf(settings, 'dev').map(({ name }) => name)).toEqual(['c', 'b']);
    expect(
      entriesOf(settings, 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-us').map(({ name }) => name),
    ).toEqual(['c', 'a']);
    expect(entriesOf(settings, 'other').map(({ name }) => name)).toEqual(['c']);
  });
});
