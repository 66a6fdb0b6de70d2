import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { coversNamespace, matchesAny } from '../../../lambda/settings/selection.ts';
import { problemOf } from './inputs.ts';

type Entry = Record<string, unknown>;

const named = (...names: string[]) => names.map((name) => ({ name }));
const CLUSTERS = named('prod-eu', 'prod-us', 'dev');
const of = (include: string[], more: object = {}): Entry => ({ namespaces: { include, ...more } });
const input = (secrets: Entry[], clusters: unknown[] = CLUSTERS) => ({ clusters, secrets });

describe('an entry that earlier ones of its name take whole is refused', () => {
  test.for<[string, Entry[], unknown[]?]>([
    ['by the same text', [{}, {}]],
    ['by one for all', [{}, of(['team-a'])]],
    ['by a glob', [of(['team-*']), of(['team-a', 'team-b-*'])]],
    ['by a wider glob', [of(['*a*']), of(['team-*'])]],
    ['by two globs', [of(['team-*', 'lab']), of(['team-x', 'lab'])]],
    ['by its own exclude', [of(['team-*']), of(['team-a', 'lab-*'], { exclude: ['lab*'] })]],
    [
      'by one that excludes what it excludes',
      [of(['*'], { exclude: ['kube-*'] }), of(['*'], { exclude: ['kube*'] })],
    ],
    ['by one that excludes others', [of(['*'], { exclude: ['kube-*', '*-old'] }), of(['team-*-new'])]],
    ['by one without selector', [of(['*']), of(['*'], { selector: 'team=a' })]],
    [
      'by the selector in another spelling',
      [of(['*'], { selector: 'a in (y, x),b' }), of(['*'], { selector: 'b , a in (x,y)' })],
    ],
    [
      'by a selector that asks for less',
      [of(['*'], { selector: 'team == a' }), of(['*'], { selector: 'team=a,!legacy' })],
    ],
    [
      'in its one cluster',
      [{ clusters: ['prod-*'] }, { clusters: ['prod-eu'] }],
      named('prod-eu', 'prod-us'),
    ],
    ['in each cluster that there is', [{ clusters: ['prod-*', 'dev'] }, {}]],
    ['by another one in each cluster', [{ clusters: ['prod-*'] }, { clusters: ['dev'] }, of(['team-a'])]],
    ['in what is found', [{}, { clusters: ['team-*'] }], [{ discover: { names: ['*'] } }]],
    [
      'in what a discover names',
      [{ clusters: ['team-*', 'dev'] }, {}],
      [...named('dev'), { discover: { names: ['team-*'] } }],
    ],
    ['with limits of its own', [{}, { ...of(['team-a']), repositories: ['a'] }]],
  ])('%s', ([, secrets, clusters]) => {
    expect(problemOf(input(secrets, clusters))).toMatch(
      new RegExp(
        `^settings: secrets\\[${secrets.length - 1}\\]: gets no namespace: all go to secrets\\[0\\][^;]*; remove it,[^;]*$`,
      ),
    );
  });

  test('and all that take a part are named', () => {
    const secrets = [{ clusters: ['prod-*'] }, of(['x']), { clusters: ['dev'] }, of(['team-a'])];
    expect(problemOf(input(secrets))).toContain(
      'settings: secrets[3]: gets no namespace: all go to secrets[0], secrets[2] of the same name (ecr-docker-creds), as',
    );
  });
});

describe('an entry that may get a namespace is taken', () => {
  test.for<[string, Entry[], unknown[]?]>([
    ['of another name', [{}, { name: 'other' }]],
    ['that comes first', [of(['team-a']), {}]],
    ['of a namespace more', [of(['team-*']), of(['team-a', 'lab'])]],
    ['of a wider glob', [of(['team-a-*']), of(['team-*'])]],
    ['of what the earlier one excludes', [of(['*'], { exclude: ['kube-*'] }), of(['kube-system'])]],
    ['of what a glob excludes', [of(['*'], { exclude: ['*-old'] }), of(['team-*'])]],
    ['with another selector', [of(['*'], { selector: 'team=a' }), of(['*'], { selector: 'team=b' })]],
    [
      'with a selector that asks for less',
      [of(['*'], { selector: 'team=a,tier' }), of(['*'], { selector: 'team=a' })],
    ],
    ['without a selector', [of(['*'], { selector: 'team=a' }), of(['team-a'])]],
    ['in a cluster more', [{ clusters: ['prod-*'] }, { clusters: ['prod-eu', 'dev'] }]],
    [
      'in what may be found',
      [{ clusters: ['prod'] }, { clusters: ['*'] }],
      [...named('prod'), { discover: { tag: { key: 'a', value: 'b' } } }],
    ],
    ['in what a discover may find', [{ clusters: ['team-a-*'] }, {}], [{ discover: { names: ['team-*'] } }]],
  ])('%s', ([, secrets, clusters]) => {
    expect(() => checkSettings(input(secrets, clusters))).not.toThrow();
  });

  test.for<[string, Entry[], unknown[]?]>([
    ['an exclude', [of(['*'], { exclude: ['$'] }), of(['team-a'])]],
    ['a namespace', [of(['*'], { exclude: ['kube-*'] }), of(['$'])]],
    [
      'a cluster of an entry',
      [{ clusters: ['dev'] }, { clusters: ['dev', '$'] }],
      [...named('dev'), { discover: { names: ['*'] } }],
    ],
    ['the name of a cluster', [{ clusters: ['dev'] }, { clusters: ['dev', '*'] }], named('dev', '$')],
    [
      'what is discovered',
      [{ clusters: ['dev'] }, { clusters: ['dev', 'lab'] }],
      [...named('dev'), { discover: { names: ['$'] } }],
    ],
  ])('where %s is known only at deployment', ([, secrets, clusters]) => {
    expect(() => checkSettings(input(secrets, clusters), (text) => text === '$')).not.toThrow();
  });

  test('and where that does not matter it is refused', () => {
    expect(() => checkSettings(input([{}, of(['team-a'])], named('$')), (text) => text === '$')).toThrow(
      'secrets[1]: gets no namespace',
    );
  });
});

test('no entry is refused that gets one of all short namespaces in one of the clusters', () => {
  const letters = (maxLength: number) =>
    fc.array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength }).map((all) => all.join(''));
  const globs = fc.array(letters(4), { minLength: 1, maxLength: 2 });
  const entry = fc.record({
    clusters: fc.array(fc.constantFrom('a', 'b', '*', 'a*'), { minLength: 1, maxLength: 2 }),
    namespaces: fc.record({ include: globs, exclude: fc.array(letters(3), { maxLength: 2 }) }),
  });
  const words = (length: number): string[] =>
    length === 0 ? [''] : words(length - 1).flatMap((word) => ['a', 'b', 'c'].map((letter) => letter + word));
  const names = [1, 2, 3, 4, 5].flatMap(words);
  let refused = 0;
  fc.assert(
    fc.property(fc.array(entry, { minLength: 2, maxLength: 3 }), (secrets) => {
      const problem = (() => {
        try {
          checkSettings({ clusters: named('a', 'b'), secrets });
          return '';
        } catch (fault) {
          return String(fault);
        }
      })();
      for (const [, at] of problem.matchAll(/secrets\[(\d)\]: gets no namespace/g)) {
        refused += 1;
        const later = secrets[Number(at)];
        const gets = ['a', 'b'].flatMap((cluster) =>
          names.filter((namespace) => {
            const takes = (one: (typeof secrets)[number]) =>
              matchesAny(one.clusters, cluster) && coversNamespace(one, namespace);
            return later && takes(later) && !secrets.slice(0, Number(at)).some(takes);
          }),
        );
        expect(gets).toEqual([]);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(refused).toBeGreaterThan(100);
});
