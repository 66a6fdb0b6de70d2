import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { rbacManifest } from '../lambda/cli/rbac-manifest.ts';
import { SettingsError } from '../lambda/errors.ts';
import { readAppSettings } from './settings.ts';

const USAGE =
  'usage: npm run -s rbac -- -c cluster=NAME | -c settings=FILE [-c region=REGION of the stack] [--cluster-id ID]';

let context: Record<string, unknown> = {};
try {
  const { values } = parseArgs({
    options: {
      context: { type: 'string', short: 'c', multiple: true, default: [] },
      'cluster-id': { type: 'string' },
      // as it was called first
      cluster: { type: 'string' },
    },
  });
  context = { ...appContext(), ...Object.fromEntries(values.context.map(pair)) };
  const { settings, env } = readAppSettings((key) => context[key], process.env);
  const only = values['cluster-id'] ?? values.cluster;
  process.stdout.write(rbacManifest(settings, { only, region: env.region }));
} catch (error) {
  if (error instanceof SettingsError) console.error(error.problem);
  else if (error instanceof TypeError && 'code' in error) console.error(error.message);
  else throw error;
  // npm takes -c for itself without the two dashes
  if (!context.cluster && !context.settings) console.error(USAGE);
  process.exitCode = 1;
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new SettingsError(`-c ${text} is not KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What the app finds in cdk.json too, where a team may name its settings file. */
function appContext(): Record<string, unknown> {
  const { context } = JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8'));
  return context;
}
