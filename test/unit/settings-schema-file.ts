import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsJsonSchema } from '../../lambda/cli/settings-schema.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The JSON Schema of the settings, for editors. */
export const SETTINGS_SCHEMA_FILE = join(ROOT, 'docs/settings.schema.json');

if (import.meta.main) {
  writeFileSync(SETTINGS_SCHEMA_FILE, `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`);
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const { status } = spawnSync(process.execPath, [biome, 'format', '--write', SETTINGS_SCHEMA_FILE], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}
