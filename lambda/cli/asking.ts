import type { Answer } from '../answers.ts';
import { readEvent } from '../event.ts';
import { checkSettings, type Settings } from '../settings.ts';
import { UsageError } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import type { AskOptions } from './options.ts';
import { withProgress } from './progress.ts';
import { readSettingsFile } from './settings-file.ts';
import { answerView } from './views/answer-view.ts';

/**
 * Asks the deployed function, or with `--local` its core here, shows the answer on stdout, and sets the exit code.
 * @throws EventError before anything is asked, UsageError, and what deployed.ts and local.ts throw
 */
export async function ask(options: AskOptions, event: unknown): Promise<void> {
  useForAws(options);
  const answer = options.local ? await askHere(options, event) : await askFunction(options, event);
  process.stdout.write(`${options.json ? JSON.stringify(answer, null, 2) : answerView(answer)}\n`);
  process.exitCode = exitCodeOf(answer);
}

/**
 * The event of an action, checked as the function would.
 * @throws EventError
 */
export function eventOf(fields: Readonly<Record<string, unknown>>): unknown {
  readEvent(fields);
  return fields;
}

/** The environment is what every client reads, also those that assume a role. */
function useForAws({ profile, region }: AskOptions): void {
  const { env } = process;
  if (profile) env.AWS_PROFILE = profile;
  const chosen = region || env.AWS_REGION || env.AWS_DEFAULT_REGION;
  if (chosen) env.AWS_REGION = chosen;
  else delete env.AWS_REGION;
}

async function askFunction(options: AskOptions, event: unknown): Promise<Answer> {
  if (options.settings) throw new UsageError('--settings goes with --local; the function has its own');
  if (options.cluster) {
    throw new UsageError('--cluster goes with --local; --clusters narrows what the function does');
  }
  const { findFunction, invokeFunction } = await import('./deployed.ts');
  const name = options.function ?? (await findFunction(options.stack));
  return withProgress(`asking the function ${name}`, 'the function goes on, and its log tells the end', () =>
    invokeFunction(name, event),
  );
}

async function askHere(options: AskOptions, event: unknown): Promise<Answer> {
  const settings = givenSettings(options);
  // only here, as loading the Kubernetes client takes a second
  const { actHere } = await import('./local.ts');
  return withProgress('asking from here', 'what was written stays', () => actHere(settings, event));
}

/**
 * The settings that `--settings` or `--cluster` give.
 * @throws UsageError without either, SettingsError
 */
export function givenSettings({ settings, cluster }: Pick<AskOptions, 'settings' | 'cluster'>): Settings {
  if (settings) return checkSettings(readSettingsFile(settings));
  if (cluster) return checkSettings({ clusters: [{ name: cluster }] });
  throw new UsageError('give the settings by --settings FILE, or one cluster by --cluster NAME');
}
