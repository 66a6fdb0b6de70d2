import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SettingsError } from '../lambda/errors.ts';

/** The folder of the function's bundle: `dist/lambda` of this package, from its sources as from its build. */
export function bundleFolder(): string {
  const bundle = fileURLToPath(import.meta.resolve('ecr-registry-helper/lambda/index.mjs'));
  if (!existsSync(bundle)) throw new SettingsError(`${bundle} is not there; run npm run build:lambda`);
  return dirname(bundle);
}
