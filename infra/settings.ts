import { readFileSync } from 'node:fs';
import { SettingsError } from '../lambda/errors.ts';
import { checkSettings, type Settings, type SettingsInput } from '../lambda/settings.ts';

/** The settings travel in the function's environment, of whose 4 KB the rest is for Lambda and other variables. */
const LARGEST_SETTINGS_BYTES = 3500;

/** What the command line gives the app. */
export interface AppSettings {
  /** As they were written, for the function reads them again. */
  readonly input: SettingsInput;
  readonly settings: Settings;
  /** Where the stack goes; what is not known at synth is left to the deployment. */
  readonly env: { readonly account?: string | undefined; readonly region?: string | undefined };
}

/**
 * Reads `cluster` or `settings` (a file), and `region` and `account` of the stack.
 * @param context a value that `-c KEY=VALUE` gave
 * @throws SettingsError saying what is wrong, for a person at the command line
 */
export function readAppSettings(
  context: (key: string) => unknown,
  environment: Readonly<Record<string, string | undefined>>,
): AppSettings {
  const given = (key: string) => {
    const value = context(key);
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    throw new SettingsError(`-c ${key}= needs a value`);
  };
  const cluster = given('cluster');
  const file = given('settings');
  if ((cluster === undefined) === (file === undefined)) {
    const found = cluster === undefined ? 'neither was given' : 'both were given';
    throw new SettingsError(
      `give the cluster by its name (-c cluster=NAME) or a file of settings (-c settings=FILE); ${found}`,
    );
  }
  const input = file === undefined ? { clusters: [{ name: cluster }] } : readFile(file);
  return {
    settings: checkSettings(input),
    input: input as SettingsInput,
    env: {
      region: matching(/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'region', given) ?? environment.CDK_DEFAULT_REGION,
      account: matching(/^\d{12}$/, 'account', given) ?? environment.CDK_DEFAULT_ACCOUNT,
    },
  };
}

/**
 * Checks that settings fit in the function's environment.
 * @throws SettingsError with their size in bytes
 */
export function checkSize(input: SettingsInput): void {
  const bytes = Buffer.byteLength(JSON.stringify(input));
  if (bytes > LARGEST_SETTINGS_BYTES) {
    throw new SettingsError(
      `they take ${bytes} bytes, and ${LARGEST_SETTINGS_BYTES} fit in the function's environment; use globs, or several deployments`,
    );
  }
}

function matching(pattern: RegExp, key: string, given: (key: string) => string | undefined) {
  const value = given(key);
  if (value === undefined || pattern.test(value)) return value;
  throw new SettingsError(`-c ${key}=${value} is not an AWS ${key === 'account' ? 'account id' : key}`);
}

function readFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0];
    throw new SettingsError(`${file} is not JSON${place ? ` ${place}` : ''}`);
  }
}
