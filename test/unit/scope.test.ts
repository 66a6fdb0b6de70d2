import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NotCoveredError } from '../../lambda/errors.ts';
import { type RunRequest, resolveScope } from '../../lambda/request.ts';
import { settingsOf } from './factories.ts';

describe('the clusters of a run', () => {
  const settings = settingsOf({
    clusters: [{ name: 'prod' }, { name: 'prod', id: 'us' }, { name: 'dev' }],
    secrets: [
      { name: 'a', clusters: ['prod', 'us'], namespaces: { include: ['team-*'], exclude: ['team-x'] } },
      { name: 'b', clusters: ['dev'], namespaces: { include: ['lab'] } },
    ],
  });
  const chosen = (narrowing: Pick<RunRequest, 'clusters' | 'namespaces'>) =>
    resolveScope(settings, { origin: 'manual', action: 'refresh', ...narrowing }).clusters.map(
      ({ id }) => id,
    );

  test('are all where nothing narrows it', () => {
    expect(chosen({})).toEqual(['prod', 'us', 'dev']);
  });

  test('are those of the ids, each once and in the order of the settings', () => {
    expect(chosen({ clusters: ['us', 'prod', 'us'] })).toEqual(['prod', 'us']);
  });

  test('an id that is not in the settings is refused with those that are', () => {
    expect(() => chosen({ clusters: ['prod', 'staging'] })).toThrow(NotCoveredError);
    expect(() => chosen({ clusters: ['staging'] })).toThrow(/no cluster "staging"; known are prod, us, dev/);
  });

  test.for<[string, Pick<RunRequest, 'clusters' | 'namespaces'>]>([
    ['that no entry takes', { namespaces: ['kube-system'] }],
    ['that is excluded', { namespaces: ['team-x'] }],
    ['beside one that is covered', { namespaces: ['team-a', 'kube-system'] }],
    ['that only an entry of another cluster takes', { clusters: ['prod'], namespaces: ['lab'] }],
  ])('a namespace is refused %s', ([, narrowing]) => {
    expect(() => chosen(narrowing)).toThrow(NotCoveredError);
  });

  test('a refused namespace comes with the covered ones', () => {
    expect(() => chosen({ clusters: ['dev'], namespaces: ['team-a'] })).toThrow(
      /no namespace "team-a"; covered are lab, less what they exclude/,
    );
  });

  test('a namespace is taken that an entry of one of the clusters covers', () => {
    expect(chosen({ namespaces: ['team-a', 'lab'] })).toEqual(['prod', 'us', 'dev']);
  });

  test('never more than the settings allow', () => {
    const names = fc.array(
      fc.constantFrom<string[]>('prod', 'us', 'dev', 'team-a', 'team-x', 'lab', 'other'),
      {
        minLength: 1,
      },
    );
    const narrowing = fc.record({ clusters: names, namespaces: names }, { requiredKeys: [] });
    fc.assert(
      fc.property(narrowing, (given) => {
        try {
          const ids = chosen(given);
          expect(ids.filter((id) => given.clusters && !given.clusters.includes(id))).toEqual([]);
        } catch (error) {
          expect(error).toBeInstanceOf(NotCoveredError);
        }
      }),
    );
  });
});
