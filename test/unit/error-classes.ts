import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HelperError } from '../../lambda/errors.ts';

type ErrorClass = new (...given: unknown[]) => HelperError;

const ROOT = join(import.meta.dirname, '../..');

const rooms = await Promise.all(
  globSync('lambda/**/*errors.ts', { cwd: ROOT, exclude: ['lambda/cli/**'] }).map(
    (file) => import(pathToFileURL(join(ROOT, file)).href) as Promise<Record<string, unknown>>,
  ),
);

/** The errors that a person acts on, of all rooms but the command line, by their names. */
export const errorClasses = rooms
  .flatMap(Object.entries<unknown>)
  .filter(
    (exported): exported is [string, ErrorClass] =>
      typeof exported[1] === 'function' && exported[1].prototype instanceof HelperError,
  );
