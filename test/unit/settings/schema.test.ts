import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DESCRIPTIONS, fieldsOf, settingsJsonSchema } from '../../../generate-docs/json-schema.ts';
import { settingsInterface } from '../../../generate-docs/settings.ts';

describe('the JSON Schema', () => {
  test('holds patterns that editors can compile, and demands a cluster only', () => {
    const schema = settingsJsonSchema();
    const patterns = [...JSON.stringify(schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, text]) =>
      JSON.parse(text ?? ''),
    );
    expect(patterns.length).toBeGreaterThan(20);
    for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow();
    expect(schema).toMatchObject({ required: ['clusters'], additionalProperties: false });
  });
});

describe('the descriptions', () => {
  const fields = fieldsOf(settingsJsonSchema());

  test('are of every field, one sentence or more each, and of nothing else', () => {
    for (const { path, field } of fields) expect(field.description, path).toMatch(/^\S.*[^.]\.$/);
    const paths = fields.map(({ path }) => path);
    expect(Object.keys(DESCRIPTIONS).filter((path) => !paths.includes(path))).toEqual([]);
  });

  test('are in an interface that takes the same settings as the inferred type', () => {
    const folder = mkdtempSync('.cache/settings-');
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const source = join(folder, 'input.ts');
    writeFileSync(
      source,
      `import type { SettingsInput as Inferred } from '../../lambda/settings/schema.ts';
      ${settingsInterface()}
      export const documented = (input: Inferred): SettingsInput => input;
      export const inferred = (input: SettingsInput): Inferred => input;`,
    );
    writeFileSync(
      join(folder, 'tsconfig.json'),
      '{ "extends": "../../tsconfig.json", "include": ["."], "exclude": [] }',
    );
    const tsc = 'node_modules/typescript/bin/tsc';
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
    const documented = settingsInterface()
      .split('\n')
      .filter((line) => line.trim().startsWith('/** ')).length;
    expect(documented).toBe(fields.length);
  });
});
