import { type Command, Option } from 'commander';
import { checkSize, LARGEST_SETTINGS_BYTES, settingsJsonSchema } from '../settings/json-schema.ts';
import { checkSettings } from '../settings/rules.ts';
import type { SettingsInput } from '../settings/schema.ts';
import {
  examples,
  print,
  printJson,
  type RbacFlags,
  readEventArgument,
  readRbacFlags,
  readSettingsFile,
  UsageError,
} from './io.ts';
import { rbacManifest } from './rbac.ts';
import {
  checkEvent,
  type RunOptions,
  readDeployedSettings,
  runEvent,
  runPreflight,
  setAwsEnvironment,
} from './run.ts';
import { settingsView } from './views.ts';

/** To what a command narrows its action. */
interface Narrowing {
  readonly cluster?: string[];
  readonly namespaces?: string[];
}

/** Flags of earlier versions, and what replaces them. */
const RENAMED_FLAGS = [
  ['clusters', '--cluster ID[,ID]'],
  ['cluster-id', '--cluster ID'],
  ['confirm', '--cluster ID'],
] as const;

/** Adds all commands to the program. */
export function addCommands(program: Command): void {
  addPreflight(program);
  addDoctor(program);
  addPlan(program);
  addRefresh(program);
  addStatus(program);
  addCleanup(program);
  addInvoke(program);
  addRbac(program);
  addSettings(program);
  for (const command of program.commands) refuseRenamedFlags(command);
}

function refuseRenamedFlags(command: Command): void {
  for (const [flag, replacement] of RENAMED_FLAGS) {
    command
      .addOption(new Option(`--${flag} [value]`).hideHelp())
      .on(`option:${flag}`, () => command.error(`error: unknown option '--${flag}': use ${replacement}`));
  }
}

/** Adds the options that say where a command runs, and how it prints the report. */
function withRunOptions(command: Command): Command {
  return command
    .addOption(new Option('--function <name>', 'the function, by name or ARN').conflicts('local'))
    .addOption(
      new Option('--stack <name>', 'the stack whose output FunctionName names it')
        .default('ecr-registry-helper')
        .conflicts(['function', 'local']),
    )
    .option('--region <region>', 'of the function; default: AWS_REGION, or that of the profile')
    .option('--profile <name>', 'of your AWS configuration; default: AWS_PROFILE')
    .option('--local', 'run here with your own AWS credentials, not in the function')
    .option('--settings <file>', 'with --local: the settings')
    .addOption(
      new Option(
        '--cluster-name <name>',
        'with --local: one EKS cluster by its name, in place of settings',
      ).conflicts('settings'),
    )
    .option('--json', 'print the report as JSON, and nothing else on stdout');
}

/** Adds the options that narrow an action. */
function withNarrowing(command: Command): Command {
  return withNamespaces(
    withRunOptions(command).option('--cluster <ids>', 'only these clusters, by id: a,b', toList),
  );
}

function withNamespaces(command: Command): Command {
  return command.option('--namespaces <names>', 'only these namespaces: a,b', toList);
}

function toList(value: string, before: readonly string[] = []): string[] {
  return [...before, ...value.split(',')];
}

/** @throws UsageError for several clusters */
function onlyOne([id, ...others]: readonly string[] = []): string | undefined {
  if (others.length > 0) throw new UsageError('--cluster takes one cluster here');
  return id;
}

function addPreflight(program: Command): void {
  program
    .command('preflight')
    .description('checks an EKS cluster with your own identity (read-only), before anything is deployed')
    .requiredOption('--cluster-name <name>', 'the EKS cluster by its name')
    .option('--region <region>', 'of the cluster; default: AWS_REGION, or that of the profile')
    .option('--profile <name>', 'of your AWS configuration; default: AWS_PROFILE')
    .option('--json', 'print the report as JSON, and nothing else on stdout')
    .addHelpText('after', examples(['preflight --cluster-name demo', 'what each value means, and its fix']))
    .action(runPreflight);
}

function addDoctor(program: Command): void {
  withNarrowing(
    program.command('doctor').description('checks every step of a refresh (read-only) and prints fixes'),
  )
    .option('--repository <host/name>', 'a repository that has to be pullable')
    .addHelpText(
      'after',
      examples(
        ['doctor', 'with the identity of the function'],
        ['doctor --repository 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app', 'can it be pulled?'],
        ['doctor --local --settings settings.json --profile ops', 'with your own identity, from here'],
      ),
    )
    .action(
      ({ cluster, namespaces, repository, ...options }: RunOptions & Narrowing & { repository?: string }) =>
        runEvent(options, checkEvent({ action: 'doctor', clusters: cluster, namespaces, repository })),
    );
}

function addPlan(program: Command): void {
  withNarrowing(program.command('plan').description('prints what a refresh would do; writes nothing'))
    .addHelpText(
      'after',
      examples(
        ['plan', 'in all clusters'],
        ['plan --local --cluster-name demo', 'before anything is deployed, with your own identity'],
      ),
    )
    .action(({ cluster, namespaces, ...options }: RunOptions & Narrowing) =>
      runEvent(options, checkEvent({ action: 'plan', clusters: cluster, namespaces })),
    );
}

function addRefresh(program: Command): void {
  withNarrowing(
    program
      .command('refresh')
      .description(
        'writes a new token to the secrets; with --local only one of a role or keys of the settings',
      ),
  )
    .addHelpText(
      'after',
      examples(
        ['refresh', 'everything'],
        ['refresh --namespaces new-team', 'a namespace that was just created'],
      ),
    )
    .action(({ cluster, namespaces, ...options }: RunOptions & Narrowing) =>
      runEvent(options, checkEvent({ action: 'refresh', clusters: cluster, namespaces })),
    );
}

function addStatus(program: Command): void {
  withNarrowing(
    program.command('status').description('prints the age of the token in each secret; reads metadata only'),
  )
    .addHelpText(
      'after',
      examples(
        ['status', 'of all clusters'],
        ['status --cluster prod --namespaces team-a,team-b', 'of two namespaces'],
        ['status --json', 'for programs; exit code 3 means that something is stale'],
      ),
    )
    .action(({ cluster, namespaces, ...options }: RunOptions & Narrowing) =>
      runEvent(options, checkEvent({ action: 'status', clusters: cluster, namespaces })),
    );
}

interface CleanupOptions extends RunOptions {
  readonly cluster: string[];
  readonly namespaces?: string[];
  readonly all?: true;
  readonly dryRun?: true;
}

function addCleanup(program: Command): void {
  withNamespaces(
    withRunOptions(
      program
        .command('cleanup')
        .description(
          'removes our secrets that the settings no longer cover; they have to allow it ("cleanup": true)',
        ),
    ),
  )
    // required here already: an invocation without it throws, which sets off the alarm for failed runs
    .requiredOption('--cluster <id>', 'the one cluster to clean up, by its id', toList)
    .option('--all', 'also what the settings cover; a refresh creates it again unless "enabled" is false')
    .option('--dry-run', 'asks the API server, and removes nothing')
    .addHelpText(
      'after',
      examples(
        ['cleanup --cluster demo --dry-run', 'what would be removed'],
        ['cleanup --cluster demo', 'what is no longer covered'],
        ['cleanup --cluster demo --all', 'everything of ours, before the stack is deleted'],
      ),
    )
    .action(({ cluster, namespaces, all, dryRun, ...options }: CleanupOptions) =>
      runEvent(
        options,
        checkEvent({ action: 'cleanup', confirm: onlyOne(cluster), namespaces, all, dryRun }),
      ),
    );
}

function addInvoke(program: Command): void {
  withRunOptions(
    program
      .command('invoke')
      .argument('<event>', 'JSON, or a file of it')
      .description('sends an event as it is'),
  )
    .addHelpText(
      'after',
      examples([`invoke '{"action":"plan"}'`, 'JSON'], ['invoke test/events/plan.json', 'a file']),
    )
    .action((event: string, options: RunOptions) => runEvent(options, readEventArgument(event)));
}

interface RbacOptions extends RbacFlags {
  readonly cluster?: string[];
  readonly function?: string;
}

function addRbac(program: Command): void {
  program
    .command('rbac')
    .description('prints the permissions of the function in a cluster, for kubectl apply')
    .option('--settings <file>', 'the settings')
    .addOption(
      new Option('--cluster-name <name>', 'one EKS cluster by its name, in place of settings').conflicts(
        'settings',
      ),
    )
    .addOption(
      new Option('--function <name>', 'the settings of this deployed function').conflicts([
        'settings',
        'clusterName',
      ]),
    )
    .option('--cluster <id>', 'the cluster, where those of the settings have different permissions', toList)
    .option('--region <region>', 'of the stack')
    .addOption(
      new Option(
        '-c, --context <key=value>',
        'settings=FILE, cluster=NAME or region=REGION, as for cdk deploy',
      )
        .argParser((pair: string, before: readonly string[] = []) => [...before, pair])
        .conflicts(['settings', 'clusterName', 'function', 'region']),
    )
    .addHelpText(
      'after',
      examples(
        ['rbac --cluster-name demo | kubectl apply -f -', 'with the settings that a name alone gives'],
        ['rbac --settings settings.json --cluster prod', 'of one of several clusters'],
      ),
    )
    .action(async ({ cluster, function: name, ...flags }: RbacOptions) => {
      if (name) setAwsEnvironment(flags);
      const { settings, region } = name
        ? { settings: await readDeployedSettings(name), region: process.env.AWS_REGION }
        : readRbacFlags(flags, process.env);
      print(rbacManifest(settings, { only: onlyOne(cluster), region }));
    });
}

function addSettings(program: Command): void {
  const settings = program
    .command('settings')
    .description('checks a file of settings, or prints their schema');
  settings
    .command('check')
    .argument('<file>', 'the settings')
    .description('prints what is wrong in a file of settings, or what they mean')
    .option('--json', 'print them with the defaults filled in, as JSON')
    .addHelpText('after', examples(['settings check settings.json', 'exit code 1 if something is wrong']))
    .action((file: string, { json }: { json?: true }) => {
      const input = readSettingsFile(file);
      const checked = checkSettings(input);
      const bytes = checkSize(input as SettingsInput);
      if (json) printJson(checked);
      else print(`${settingsView(checked, bytes, LARGEST_SETTINGS_BYTES)}\n`);
    });
  settings
    .command('schema')
    .description('prints the JSON Schema of the settings, for editors')
    .addHelpText('after', examples(['settings schema > settings.schema.json', 'to name in "$schema"']))
    .action(() => {
      printJson(settingsJsonSchema());
    });
}
