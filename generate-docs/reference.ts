import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliPage } from './cli.ts';
import { constructPage } from './construct.ts';
import { errorsPage } from './errors.ts';
import { eventsPage } from './events.ts';
import type { Page } from './markdown.ts';
import { metricsPage } from './metrics.ts';
import { reportsPage } from './reports.ts';
import { schemaFile, settingsPage } from './settings.ts';

/** Every page that `npm run docs:reference` writes. */
export const PAGES: readonly Page[] = [
  schemaFile,
  settingsPage,
  eventsPage,
  reportsPage,
  cliPage,
  constructPage,
  metricsPage,
  errorsPage,
];

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  for (const { file, write } of PAGES) writeFileSync(join(root, file), await write());
}
