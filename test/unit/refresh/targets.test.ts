import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Listed } from '../../../lambda/kubernetes/client.ts';
import { findTargets, type Namespace, type NamespaceQuery } from '../../../lambda/refresh/targets.ts';
import type { SecretEntry } from '../../../lambda/settings/schema.ts';
import { coversNamespace } from '../../../lambda/settings/selection.ts';

type Entry = Pick<SecretEntry, 'name' | 'namespaces'>;

/** A cluster of these namespaces and their `team` labels; selectors are of the form team=x. */
function clusterOf(teams: Record<string, string>) {
  return async (query: NamespaceQuery): Promise<Listed<Namespace>> => {
    const taken = Object.keys(teams).filter(
      (name) => !query.selector || query.selector === `team=${teams[name]}`,
    );
    const names = query.names?.filter((name) => taken.includes(name)) ?? taken;
    return listed(...names);
  };
}

function listed(...names: string[]): Listed<Namespace> {
  return { items: names.map((name) => ({ name, skip: undefined })) };
}

async function walk(
  entries: Entry[],
  list: (query: NamespaceQuery) => Promise<Listed<Namespace>>,
  names?: string[],
) {
  const indexed = entries.map((settings, at) => ({ settings, at }));
  const { targets, problems, ...rest } = await findTargets(indexed, list, names);
  const given = targets.map(
    ({ entry, namespace }) =>
      `${entry.at} ${entry.settings.name}/${namespace.name}${namespace.skip ? ` (${namespace.skip})` : ''}`,
  );
  return { given, problems, told: problems.map(({ secret, reason }) => `${secret}: ${reason}`), ...rest };
}

const entry = (name: string, namespaces: Partial<Entry['namespaces']> = {}): Entry => ({
  name,
  namespaces: { include: ['*'], exclude: [], ...namespaces },
});

describe('who writes which secret where', () => {
  test('the first entry that matches decides, for each secret name', async () => {
    const entries = [
      entry('pull', { include: ['team-*'] }),
      entry('pull', { exclude: ['kube-*'] }),
      entry('other'),
    ];
    const { given, told } = await walk(entries, clusterOf({ 'team-a': '', lab: '', 'kube-system': '' }));
    expect(given).toEqual([
      '0 pull/team-a',
      '1 pull/lab',
      '2 other/team-a',
      '2 other/lab',
      '2 other/kube-system',
    ]);
    expect(told).toEqual([]);
  });

  test('a name that comes twice is taken once', async () => {
    const { given } = await walk([entry('pull')], async () => listed('a', 'b', 'a', 'b', 'c'));
    expect(given).toEqual(['0 pull/a', '0 pull/b', '0 pull/c']);
  });

  test('one that appears between two lists goes to the first entry that matches it too', async () => {
    const entries = [entry('pull'), entry('pull', { selector: 'team=x' })];
    const { given } = await walk(entries, async ({ selector }) =>
      selector ? listed('a', 'new') : listed('a'),
    );
    expect(given).toEqual(['0 pull/a', '0 pull/new']);
  });

  test('namespaces are listed once for each selector', async () => {
    const queries: NamespaceQuery[] = [];
    const entries = [entry('pull'), entry('lab'), entry('x', { selector: 'team=x' })];
    await walk(entries, async (query) => {
      queries.push(query);
      return listed('a');
    });
    expect(queries).toEqual([{ selector: undefined }, { selector: 'team=x' }]);
  });

  test('one that is to be left alone is given too, to be counted', async () => {
    const list = async () => ({ items: [{ name: 'old', skip: 'going away' as const }] });
    const { given, told } = await walk([entry('pull', { include: ['old'] })], list);
    expect(given).toEqual(['0 pull/old (going away)']);
    expect(told).toEqual([]);
  });
});

describe('a list that does not come to its end', () => {
  const fault = new Error('list');
  const failing = (...failed: string[]) => {
    return async ({ selector = '' }: NamespaceQuery) =>
      failed.includes(selector) ? { ...listed('a'), fault } : listed('a', 'b', 'team-c');
  };

  test('fails its entries alone, and what came of it is given', async () => {
    const entries = [entry('one'), entry('two', { selector: 'team=x' })];
    const { given, problems, ...rest } = await walk(entries, failing('team=x'));
    expect(given).toEqual(['0 one/a', '0 one/b', '0 one/team-c', '1 two/a']);
    expect(problems).toMatchObject([
      { namespace: '*', secret: 'two', outcome: 'failed', reason: expect.stringContaining('team=x') },
    ]);
    expect(rest).not.toHaveProperty('fault');
  });

  test('keeps what its entry may match from later entries of that secret, as these may open more', async () => {
    const entries = [
      entry('pull', { selector: 'team=x', include: ['a', 'team-*'] }),
      entry('pull'),
      entry('other'),
    ];
    const { given } = await walk(entries, failing('team=x'));
    expect(given).toEqual(['0 pull/a', '1 pull/b', '2 other/a', '2 other/b', '2 other/team-c']);
  });

  test('is the error of the cluster where no list does', async () => {
    const entries = [entry('one'), entry('two', { selector: 'team=x' })];
    const found = await walk(entries, failing('', 'team=x'));
    expect(found).toMatchObject({ given: ['0 one/a', '1 two/a'], told: [], fault });
  });
});

describe('a typo does not look like success', () => {
  test('an entry that matches nothing is told', async () => {
    const { given, problems } = await walk(
      [entry('pull', { include: ['taem-*'] })],
      clusterOf({ 'team-a': '' }),
    );
    expect(given).toEqual([]);
    expect(problems).toEqual([
      {
        namespace: '*',
        secret: 'pull',
        outcome: 'failed',
        reason: 'no namespace matches taem-*',
        remedy: expect.stringContaining('Correct namespaces'),
      },
    ]);
  });

  test('an exact name that does not exist is told, and the others are written', async () => {
    const { given, told } = await walk(
      [entry('pull', { include: ['team-*', 'lab', 'lba'] })],
      clusterOf({ 'team-a': '', lab: '' }),
    );
    expect(given).toEqual(['0 pull/team-a', '0 pull/lab']);
    expect(told).toEqual(['pull: there is no namespace lba']);
  });

  test('a selector that takes nothing is told with it', async () => {
    const { told } = await walk([entry('pull', { selector: 'team=y' })], clusterOf({ a: 'x' }));
    expect(told).toEqual(['pull: no namespace matches * with team=y']);
  });

  test('a cluster without a namespace is told once for each entry', async () => {
    const { told } = await walk([entry('pull'), entry('pull', { include: ['a'] })], clusterOf({}));
    expect(told).toEqual(['pull: no namespace matches *', 'pull: there is no namespace a']);
  });

  test('an entry whose namespaces an earlier one has all taken is no typo', async () => {
    const { told } = await walk([entry('pull'), entry('pull', { include: ['a'] })], clusterOf({ a: '' }));
    expect(told).toEqual([]);
  });
});

describe('a run that is narrowed', () => {
  test('asks for its names only, and only the entries that cover them', async () => {
    const queries: NamespaceQuery[] = [];
    const list = clusterOf({ 'team-a': '', 'team-b': '', lab: '' });
    const entries = [entry('pull', { include: ['team-*'] }), entry('lab', { include: ['lab'] })];
    const { given, told } = await walk(
      entries,
      (query) => {
        queries.push(query);
        return list(query);
      },
      ['team-b'],
    );
    expect(given).toEqual(['0 pull/team-b']);
    expect(queries).toEqual([{ selector: undefined, names: ['team-b'] }]);
    expect(told).toEqual([]);
  });

  test('tells a name that does not exist', async () => {
    const { told } = await walk([entry('pull')], clusterOf({ a: '' }), ['a', 'b']);
    expect(told).toEqual(['pull: there is no namespace b']);
  });

  test('tells it once, also where several entries of one secret cover it', async () => {
    const { told } = await walk([entry('pull'), entry('pull'), entry('lab')], clusterOf({ a: '' }), ['b']);
    expect(told).toEqual(['pull: there is no namespace b', 'lab: there is no namespace b']);
  });

  test('does not miss a namespace that is there, but for the selector of another entry', async () => {
    const entries = [entry('pull', { selector: 'team=x' }), entry('pull', { selector: 'team=y' })];
    const { given, told } = await walk(entries, clusterOf({ a: 'x', b: 'y' }), ['b']);
    expect(given).toEqual(['1 pull/b']);
    expect(told).toEqual([]);
  });

  test('tells a name that no selector takes', async () => {
    const { given, told } = await walk([entry('pull', { selector: 'team=x' })], clusterOf({ b: 'y' }), ['b']);
    expect(given).toEqual([]);
    expect(told).toEqual(['pull: there is no namespace b with team=x']);
  });

  test('does not mind exact names of an entry that it is not about', async () => {
    const { told } = await walk([entry('pull', { include: ['a', 'gone'] })], clusterOf({ a: '' }), ['a']);
    expect(told).toEqual([]);
  });
});

describe('whatever entries, namespaces and narrowing', () => {
  const name = fc.constantFrom<string[]>('a', 'b', 'ab', 'ba', 'c');
  const glob = fc.constantFrom<string[]>('*', 'a', 'b', 'a*', '*b', 'c', 'x');
  const anyEntry = fc
    .record({
      name: fc.constantFrom('one', 'two'),
      include: fc.array(glob, { minLength: 1, maxLength: 3 }),
      exclude: fc.array(glob, { maxLength: 1 }),
      selector: fc.option(fc.constantFrom('team=x', 'team=y'), { nil: undefined }),
    })
    .map(({ name: secret, selector, ...globs }) =>
      entry(secret, { ...globs, ...(selector && { selector }) }),
    );
  const anyCluster = fc.dictionary(name, fc.constantFrom('x', 'y'));
  const anyNames = fc.option(fc.uniqueArray(name, { minLength: 1 }), { nil: undefined });

  const takes = ({ namespaces }: Entry, teams: Record<string, string>, of: string) =>
    coversNamespace({ namespaces }, of) &&
    (!namespaces.selector || namespaces.selector === `team=${teams[of]}`);

  test('each secret of each namespace goes to the first entry that takes it, once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEntry, { maxLength: 4 }),
        anyCluster,
        anyNames,
        async (entries, teams, names) => {
          const { given } = await walk(entries, clusterOf(teams), names);
          const expected = Object.keys(teams)
            .filter((of) => names?.includes(of) ?? true)
            .flatMap((of) =>
              ['one', 'two'].flatMap((secret) => {
                const first = entries.findIndex((each) => each.name === secret && takes(each, teams, of));
                return first < 0 ? [] : `${first} ${secret}/${of}`;
              }),
            );
          expect(given.toSorted()).toEqual(expected.toSorted());
        },
      ),
      { numRuns: 500 },
    );
  });

  test('what is told is not there, and silence means that something was found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEntry, { maxLength: 4 }),
        anyCluster,
        anyNames,
        async (entries, teams, names) => {
          const { problems } = await walk(entries, clusterOf(teams), names);
          for (const { namespace } of problems.filter((problem) => problem.namespace !== '*')) {
            expect(names === undefined || names.includes(namespace)).toBe(true);
          }
          if (problems.length > 0 || names) return;
          for (const each of entries)
            expect(Object.keys(teams).some((of) => takes(each, teams, of))).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
