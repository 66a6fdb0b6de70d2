import { globSync, readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Field {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string; readonly value?: string; readonly options?: string[] };
}

interface Update {
  readonly 'package-ecosystem': string;
  readonly groups: Readonly<Record<string, { readonly patterns: readonly string[] }>>;
  readonly ignore?: readonly { readonly 'dependency-name': string }[];
}

const read = (file: string) => parse(readFileSync(file, 'utf8'));

describe.each(globSync('.github/ISSUE_TEMPLATE/!(config).yml'))('the form %s', (file) => {
  const { name, description, labels, body } = read(file) as Record<string, unknown> & { body: Field[] };

  it('has what GitHub requires of a form', () => {
    expect({ name, description }).toEqual({ name: expect.any(String), description: expect.any(String) });
    expect(labels).toHaveLength(1);
    const fields = body.filter(({ type }) => type !== 'markdown');
    for (const { type, attributes } of body) {
      expect(['markdown', 'textarea', 'input', 'dropdown']).toContain(type);
      expect(attributes[type === 'markdown' ? 'value' : 'label']).toEqual(expect.any(String));
      expect(Array.isArray(attributes.options)).toBe(type === 'dropdown');
    }
    const ids = fields.map(({ id }) => id);
    expect(new Set(ids).size).toBe(fields.length);
    expect(ids).not.toContain(undefined);
  });

  it('names only files that are there', () => {
    const named = [...readFileSync(file, 'utf8').matchAll(/\b((?:docs\/)?[\w-]+\.md)\b/g)].map(
      ([, path]) => path,
    );
    expect(named.filter((path = '') => globSync(path).length === 0)).toEqual([]);
  });
});

describe('Dependabot', () => {
  const updates: Update[] = read('.github/dependabot.yml').updates;
  const npm = updates.find((update) => update['package-ecosystem'] === 'npm');
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const used = Object.keys({ ...dependencies, ...devDependencies });
  const groups = Object.entries(npm?.groups ?? {});
  const groupsOf = (name: string) =>
    groups.flatMap(([group, { patterns }]) =>
      patterns.some((one) => matchesGlob(name, one)) ? [group] : [],
    );

  it('updates each dependency in one group', () => {
    expect(used.map((name) => [name, groupsOf(name).length])).toEqual(used.map((name) => [name, 1]));
  });

  it('has no pattern and no exception for a package that is gone', () => {
    const patterns = groups.flatMap(([, group]) => group.patterns);
    expect(patterns.filter((one) => !used.some((name) => matchesGlob(name, one)))).toEqual([]);
    const ignored = npm?.ignore?.map((one) => one['dependency-name']) ?? [];
    expect(ignored.filter((name) => !used.includes(name))).toEqual([]);
  });

  it('updates the actions of the workflows too', () => {
    expect(updates.map((update) => update['package-ecosystem'])).toEqual(['npm', 'github-actions']);
  });
});
