import { readSettingsFile } from '../lambda/cli/settings-file.ts';
import { SettingsError } from '../lambda/errors.ts';
import { checkSettings, type Settings, type SettingsInput } from '../lambda/settings.ts';

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
  const input = file === undefined ? { clusters: [{ name: cluster }] } : readSettingsFile(file);
  const settings = checkSettings(input);
  const region = matching(/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'region', given);
  const account = matching(/^\d{12}$/, 'account', given);
  return {
    settings,
    input: input as SettingsInput,
    env: {
      region: agreed('region', region, settings.region) ?? environment.CDK_DEFAULT_REGION,
      account: agreed('account', account, settings.accountId) ?? environment.CDK_DEFAULT_ACCOUNT,
    },
  };
}

function matching(pattern: RegExp, key: string, given: (key: string) => string | undefined) {
  const value = given(key);
  if (value === undefined || pattern.test(value)) return value;
  throw new SettingsError(`-c ${key}=${value} is not an AWS ${key === 'account' ? 'account id' : key}`);
}

/** What the command line or the settings say; they may not differ. */
function agreed(key: string, given: string | undefined, setting: string | undefined): string | undefined {
  if (given === undefined || setting === undefined || given === setting) return given ?? setting;
  throw new SettingsError(`-c ${key}=${given} is given, and the settings say ${setting}`);
}
