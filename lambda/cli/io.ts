import { existsSync, readFileSync } from 'node:fs';
import { text as readStream } from 'node:stream/consumers';
import type { Environment } from '../context.ts';
import { codeOf, HelperError, plain, SettingsError, UNSAFE } from '../errors.ts';
import type { Answer } from '../handler.ts';
import { checkSettings } from '../settings/rules.ts';
import type { Settings, SettingsInput } from '../settings/schema.ts';
import type { Condition } from '../status.ts';

const ESCAPE = '\u001b';
/** The colours of `paint`, and what is unsafe beside them. */
const UNSAFE_OR_COLOUR = new RegExp(`${ESCAPE}\\[[0-9;]{1,16}m|${UNSAFE.source}`, 'gu');

/** Prints a text on stdout; of escape sequences only colours pass. */
export function print(text: string): void {
  process.stdout.write(text.replace(UNSAFE_OR_COLOUR, (found) => (found.length > 2 ? found : '')));
}

/** Prints a value as JSON on stdout, whole: what is unsafe is escaped. */
export function printJson(value: unknown): void {
  const escaped = (found: string) =>
    found.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  process.stdout.write(`${JSON.stringify(value, null, 2).replace(UNSAFE, escaped)}\n`);
}

/** Prints a line on stderr. */
export function printError(text: string): void {
  process.stderr.write(`${plain(text)}\n`);
}

/** The command line is wrong. */
export class UsageError extends HelperError {
  constructor(problem: string, fix = 'Add --help for all options.') {
    super('UsageError', problem, fix);
  }
}

/**
 * Reads a file of settings as it was written, unchecked.
 * @throws SettingsError when it cannot be read or is not JSON
 */
export function readSettingsFile(file: string): unknown {
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

/** Checks the settings that were read from a file. @throws SettingsError naming the file */
export function checkFile(file: string, input: unknown): Settings {
  return checkSettings(input, undefined, undefined, file);
}

/** The flags of a command that give the settings. */
export interface SettingsFlags {
  readonly settings?: string | undefined;
  readonly clusterName?: string | undefined;
}

/**
 * Reads the settings that `--settings` or `--cluster-name` give.
 * @throws UsageError without either; SettingsError
 */
export function readSettingsFlags({ settings, clusterName }: SettingsFlags): Settings {
  if (settings) return checkFile(settings, readSettingsFile(settings));
  if (clusterName) return checkSettings({ clusters: [{ name: clusterName }] });
  throw new UsageError(NO_SETTINGS);
}

const NO_SETTINGS = 'give the settings by --settings FILE, or one cluster by --cluster-name NAME';

/** The flags of `rbac` that give the settings: its own, or the context of CDK in their place. */
export interface RbacFlags extends SettingsFlags {
  /** Of the stack. */
  readonly region?: string;
  /** `KEY=VALUE`, as for `cdk deploy -c`. */
  readonly context?: readonly string[];
}

/**
 * Reads the settings for `rbac`: from its own flags, else as the CDK app does from `-c` and cdk.json in this folder.
 * @returns the settings, and the region of the stack where it is known
 * @throws UsageError without either; SettingsError
 */
export function readRbacFlags(
  flags: RbacFlags,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly settings: Settings; readonly region: string | undefined } {
  if (flags.settings || flags.clusterName) {
    const settings = readSettingsFlags(flags);
    return { settings, region: flags.region ?? settings.region };
  }
  const context = readContext(flags.context);
  try {
    const { settings, env } = readAppSettings((key) => context.get(key), environment);
    return { settings, region: flags.region ?? env.region };
  } catch (fault) {
    if (fault instanceof NoClusterError) throw new UsageError(NO_SETTINGS);
    throw fault instanceof ContextError ? new UsageError(fault.problem.replace('settings: ', '')) : fault;
  }
}

/** The context of cdk.json, and over it that of `-c KEY=VALUE`. */
function readContext(pairs: readonly string[] = []): ReadonlyMap<string, unknown> {
  const given = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`-c ${pair} is not KEY=VALUE`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  const file = existsSync('cdk.json') ? readSettingsFile('cdk.json') : {};
  const { context = {} } = (file ?? { context: null }) as { context?: unknown };
  if (typeof context !== 'object' || context === null)
    throw new UsageError('cdk.json has no object "context"');
  return new Map([...Object.entries(context), ...given]);
}

/** The context of CDK is wrong, and not the settings that it names. */
class ContextError extends SettingsError {}

/** The command line gives no cluster, as for `cdk bootstrap`, which runs the app too. */
export class NoClusterError extends ContextError {}

/** What the command line gives the app. */
export interface AppSettings {
  /** The context as flags that a shell takes, such as `-c cluster=demo`: for printed commands. */
  readonly flags: string;
  /** The settings as written: the function checks them itself. */
  readonly input: SettingsInput;
  readonly settings: Settings;
  /** Of the stack; undefined where only the deployment knows them. */
  readonly env: { readonly account?: string | undefined; readonly region?: string | undefined };
}

/**
 * Reads `cluster` or `settings` (a file), `alarmEmail`, and `region` and `account` of the stack.
 * @param context returns the value of `-c KEY=VALUE`
 * @throws {NoClusterError} where neither is given
 * @throws SettingsError naming the flag or the field that is wrong
 */
export function readAppSettings(
  context: (key: string) => unknown,
  environment: Readonly<Record<string, string | undefined>>,
): AppSettings {
  const flags: string[] = [];
  const given = (key: string) => {
    const value = context(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value !== '') {
      flags.push(contextFlag(key, value));
      return value;
    }
    throw new ContextError(`-c ${key}= needs a value`);
  };
  const cluster = given('cluster');
  const file = given('settings');
  if ((cluster === undefined) === (file === undefined)) {
    const wanted = 'give the cluster by its name (-c cluster=NAME) or a file of settings (-c settings=FILE)';
    if (cluster === undefined) throw new NoClusterError(`${wanted}; neither was given`);
    throw new ContextError(`${wanted}; both were given`);
  }
  const written = file === undefined ? { clusters: [{ name: cluster }] } : readSettingsFile(file);
  const check = (one: unknown) => (file === undefined ? checkSettings(one) : checkFile(file, one));
  const alarmEmail = given('alarmEmail');
  if (alarmEmail !== undefined) merge('alarmEmail', alarmEmail, check(written).alarmEmail);
  const input = alarmEmail === undefined ? written : { ...(written as SettingsInput), alarmEmail };
  const settings = check(input);
  const region = readMatching(/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'region', given);
  const account = readMatching(/^\d{12}$/, 'account', given);
  return {
    settings,
    flags: flags.join(' '),
    input: input as SettingsInput,
    env: {
      region: merge('region', region, settings.region) ?? environment.CDK_DEFAULT_REGION,
      account: merge('account', account, settings.accountId) ?? environment.CDK_DEFAULT_ACCOUNT,
    },
  };
}

/** A flag of `cdk` as a shell takes it. */
export function contextFlag(key: string, value: string): string {
  return `-c ${shellWord(`${key}=${value}`)}`;
}

/** A text as one word of a shell's command. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function readMatching(pattern: RegExp, key: string, given: (key: string) => string | undefined) {
  const value = given(key);
  if (value === undefined || pattern.test(value)) return value;
  throw new ContextError(`-c ${key}=${value} is not an AWS ${key === 'account' ? 'account id' : key}`);
}

/** @throws SettingsError where the command line and the settings differ */
function merge(key: string, given: string | undefined, setting: string | undefined): string | undefined {
  if (given === undefined || setting === undefined || given === setting) return given ?? setting;
  throw new ContextError(`-c ${key}=${given} is given, and the settings say ${setting}`);
}

/**
 * The event of an argument: JSON, a file of it, or `-` for standard input.
 * @throws UsageError
 */
export async function readEventArgument(given: string): Promise<object> {
  const isInline = given === '-' || given.trimStart().startsWith('{');
  try {
    const contents =
      given === '-' ? await readStream(process.stdin) : isInline ? given : readFileSync(given, 'utf8');
    return JSON.parse(contents);
  } catch (fault) {
    if (fault instanceof SyntaxError) throw new UsageError(`${isInline ? 'the event' : given} is not JSON`);
    throw new UsageError(`${given} cannot be read (${codeOf(fault)})`);
  }
}

/** The exit codes; 130 is that of an interrupt. */
export const EXIT = { ok: 0, failed: 1, usage: 2, stale: 3, blocked: 4 } as const;

/** The conditions in which a pull may fail until the next refresh. */
const STALE: readonly Condition[] = ['missing', 'expired', 'stale', 'foreign'];

/** The exit code of the worst in a report: failed before stale, and that before blocked. */
export function exitCodeOf(answer: Answer & { readonly problems?: readonly unknown[] }): number {
  if (answer.problems?.length) return EXIT.failed;
  switch (answer.action) {
    case 'status': {
      const has = (...conditions: readonly Condition[]) =>
        answer.clusters.some(({ counts }) => conditions.some((condition) => counts[condition] > 0));
      if (answer.clusters.some(({ error }) => error)) return EXIT.failed;
      if (has(...STALE)) return EXIT.stale;
      if (has('blocked')) return EXIT.blocked;
      break;
    }
    case 'refresh':
    case 'plan':
      if (answer.ok && answer.clusters.some(({ blocked }) => blocked > 0)) return EXIT.blocked;
  }
  return answer.ok ? EXIT.ok : EXIT.failed;
}

/** The command that started this: the script of the project, or the package's bin. */
const isInRepository = /^(cli|rbac)$/.test(process.env.npm_lifecycle_event ?? '');
export const invokedAs = isInRepository ? 'npm run -s cli --' : 'ecr-registry-helper';

/** The commands for what runs here with the settings of these flags. */
export function localCommands({
  settings,
  clusterName = '',
}: SettingsFlags): Pick<Environment, 'deployCommand' | 'rbacCommand'> {
  const flags = settings ? contextFlag('settings', settings) : contextFlag('cluster', clusterName);
  return {
    deployCommand: isInRepository ? `npx cdk deploy --all ${flags}` : 'npx cdk deploy',
    rbacCommand: isInRepository ? `npm run -s rbac -- ${flags}` : `npx ecr-registry-helper rbac ${flags}`,
  };
}

export type Example = readonly [args: string, meaning: string];

/** The examples under the help of a command. */
export function examples(...lines: readonly Example[]): string {
  const width = Math.max(...lines.map(([args]) => args.length));
  const shown = lines.map(([args, meaning]) => `  $ ${invokedAs} ${args.padEnd(width)}  # ${meaning}`);
  return `\nExamples:\n${shown.join('\n')}`;
}
