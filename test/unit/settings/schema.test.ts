import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { settingsJsonSchema } from '../../../lambda/cli/settings-schema.ts';
import { settingsSchema } from '../../../lambda/settings.ts';
import { SETTINGS_SCHEMA_FILE } from '../settings-schema-file.ts';

describe('the JSON Schema', () => {
  test('in docs is that of the code', () => {
    expect(
      JSON.parse(readFileSync(SETTINGS_SCHEMA_FILE, 'utf8')),
      'docs/settings.schema.json is out of date: run npm run schema',
    ).toEqual(JSON.parse(JSON.stringify(settingsJsonSchema())));
  });

  test('holds patterns that editors can compile, and demands a cluster only', () => {
    const schema = settingsJsonSchema() as { required: string[]; additionalProperties: boolean };
    const patterns = [...JSON.stringify(schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, text]) =>
      JSON.parse(text ?? ''),
    );
    expect(patterns.length).toBeGreaterThan(20);
    for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow();
    expect(schema).toMatchObject({ required: ['clusters'], additionalProperties: false });
  });

  test('is of the schema that checks', () => {
    expect(settingsSchema().safeParse({ clusters: [{ name: 'prod' }] }).success).toBe(true);
  });
});
