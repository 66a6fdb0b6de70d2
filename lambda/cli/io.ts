import { existsSync, readFileSync } from 'node:fs';
import { text as readStream } from 'node:stream/consumers';
import { codeOf, HelperError, plain, SettingsError, UNSAFE } from '../errors.ts';
import { checkSettings } from '../settings/rules.ts';
import type { Settings, SettingsInput } from '../settings/schema.ts';

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
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) throw new SettingsError(`${file} cannot be read (${codeOf(fault)})`);
    const [place = ''] = / \(line \d+ column \d+\)/.exec(fault.message) ?? [];
    throw new SettingsError(`${file} is not JSON${place}`);
  }
}

/** Checks the settings that were read from a file, if they were. @throws SettingsError naming the file */
export function checkFile(file: string | undefined, input: unknown): Settings {
  return checkSettings(input, undefined, undefined, file);
}

type Texts =
  | 'clusterName'
  | 'function'
  | 'issuer'
  | 'profile'
  | 'region'
  | 'repository'
  | 'role'
  | 'secret'
  | 'settings'
  | 'stateMachine';
/** Those of `context` are `KEY=VALUE`, as for `cdk deploy -c`. */
type Lists = 'cluster' | 'context' | 'namespaces';
type Switches = 'all' | 'dryRun' | 'json' | 'local' | 'verbose' | 'wait';
type Given = Record<Texts, string> & Record<Lists, readonly string[]> & Record<Switches, true>;
/** The flags of all commands, each of which takes some of them. */
export type Flags = Readonly<Partial<Given> & { stack: string }>;

/**
 * Reads the settings that `--settings` or `--cluster-name` give.
 * @throws UsageError without either; SettingsError
 */
export function readSettingsFlags({ settings, clusterName }: Partial<Flags>): Settings {
  if (settings) return checkFile(settings, readSettingsFile(settings));
  if (clusterName) return checkSettings({ clusters: [{ name: clusterName }] });
  throw new UsageError(NO_SETTINGS);
}

const NO_SETTINGS = 'give the settings by --settings FILE, or one cluster by --cluster-name NAME';

/**
 * Reads the settings for `rbac`: from its own flags, else as the CDK app does from `-c` and cdk.json in this folder.
 * @returns the settings, and the region of the stack where it is known
 * @throws UsageError without either; SettingsError
 */
export function readRbacFlags(flags: Partial<Flags>, environment: NodeJS.ProcessEnv) {
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

/**
 * Reads `cluster` or `settings` (a file), `alarmEmail`, and `region` and `account` of the stack.
 * @param context returns the value of `-c KEY=VALUE`
 * @throws {NoClusterError} where neither is given
 * @throws SettingsError naming the flag or the field that is wrong
 */
export function readAppSettings(context: (key: string) => unknown, environment: NodeJS.ProcessEnv) {
  const flags: string[] = [];
  const given = (key: string, pattern = /^/, what = '') => {
    const value = context(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') throw new ContextError(`-c ${key}= needs a value`);
    if (!pattern.test(value)) throw new ContextError(`-c ${key}=${value} is not an AWS ${what}`);
    flags.push(contextFlag(key, value));
    return value;
  };
  const cluster = given('cluster');
  const file = given('settings');
  if ((cluster === undefined) === (file === undefined)) {
    const wanted = 'give the cluster by its name (-c cluster=NAME) or a file of settings (-c settings=FILE)';
    if (cluster === undefined) throw new NoClusterError(`${wanted}; neither was given`);
    throw new ContextError(`${wanted}; both were given`);
  }
  const written = file === undefined ? { clusters: [{ name: cluster }] } : readSettingsFile(file);
  const alarmEmail = merge('alarmEmail', given('alarmEmail'), checkFile(file, written).alarmEmail);
  const input = { ...(written as SettingsInput), ...(alarmEmail !== undefined && { alarmEmail }) };
  const settings = checkFile(file, input);
  const region = given('region', /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'region');
  const account = given('account', /^\d{12}$/, 'account id');
  return {
    settings,
    /** As written: the function checks them itself. */
    input,
    /** The context as a shell takes it, such as `-c cluster=demo`: for printed commands. */
    flags: flags.join(' '),
    /** Of the stack; undefined where only the deployment knows them. */
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

/** The command that started this: the script of the project, or the package's bin. */
const isInRepository = /^(cli|rbac)$/.test(process.env.npm_lifecycle_event ?? '');
export const invokedAs = isInRepository ? 'npm run -s cli --' : 'ecr-registry-helper';

/** The commands for what runs here with the settings of these flags. */
export function localCommands({ settings, clusterName = '' }: Flags) {
  const flags = settings ? contextFlag('settings', settings) : contextFlag('cluster', clusterName);
  return {
    deployCommand: isInRepository ? `npx cdk deploy --all ${flags}` : 'npx cdk deploy',
    rbacCommand: isInRepository ? `npm run -s rbac -- ${flags}` : `npx ecr-registry-helper rbac ${flags}`,
  };
}
