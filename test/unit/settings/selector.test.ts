import fc from 'fast-check';
import { assert, describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { parseSelector } from '../../../lambda/settings/selection.ts';
import { parseLabelSelector } from '../../sandbox/kubernetes/selectors.ts';
import { problemOf, withEntry } from './inputs.ts';
import { SELECTORS } from './selectors.ts';

describe('a selector', () => {
  test.for(SELECTORS)('%j is taken: %s', ([selector, isTaken]) => {
    const input = withEntry({ namespaces: { selector } });
    if (isTaken) expect(checkSettings(input).secrets[0]?.namespaces.selector).toBe(selector);
    else {
      expect(problemOf(input)).toContain(
        `secrets[0].namespaces.selector: ${JSON.stringify(selector)} is not a label selector such as team=x`,
      );
    }
  });

  // the API server takes these for every namespace
  test.for(['', ' ', '\n'])('%j is refused, as it would select everything', (selector) => {
    expect(parseSelector(selector)).toBeUndefined();
  });

  test.for<[string, string[]]>([
    ['team=x', ['team in (x)']],
    ['team == x', ['team in (x)']],
    ['team in ( x,x )', ['team in (x)']],
    ['team != x', ['team notin (x)']],
    ['tier notin (web, api)', ['tier notin (api,web)']],
    ['team=', ['team in ()']],
    ['team in (,x)', ['team in (,x)']],
    ['a, ! b ,c>007', ['a', '!b', 'c > 7']],
  ])('%j has the requirements %j', ([selector, requirements]) => {
    expect(parseSelector(selector)).toEqual(requirements);
  });

  test('of any text is taken where the emulated API server takes it', () => {
    const pieces = [
      'a',
      'b',
      'in',
      'notin',
      'x.io/',
      '..',
      '/',
      '-',
      '1',
      ' ',
      '\t',
      '\n',
      '!',
      '=',
      '==',
      '!=',
    ];
    const text = fc.array(fc.constantFrom(...pieces, '<', '>', '(', ')', ',', 'a in (', ') ,'), {
      maxLength: 9,
    });
    const isTakenThere = (selector: string) => {
      try {
        parseLabelSelector(selector);
        return selector.trim() !== '';
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(
        text.map((all) => all.join('')),
        (selector) => {
          expect(parseSelector(selector) !== undefined).toBe(isTakenThere(selector));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test('that is longer than any settings is not taken apart', () => {
    const unread = { length: 100_000, matchAll: () => assert.fail('it was taken apart') };
    expect(parseSelector(unread as unknown as string)).toBeUndefined();
    for (const part of ['a,', '!', '(', 'a in (', ' ', 'a']) {
      expect(parseSelector(part.repeat(100_000))).toBeUndefined();
    }
  });
});
