import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../context.ts';
import { hasCode, InternalError, plain, toHelperError } from '../errors.ts';
import { describeSize, functionSettings } from '../settings/packing.ts';
import type { SettingsInput } from '../settings/schema.ts';
import { readDeployedSettings, setAwsEnvironment } from './aws.ts';
import {
  checkFile,
  type Flags,
  invokedAs,
  print,
  printError,
  printJson,
  readEventArgument,
  readRbacFlags,
  readSettingsFile,
  UsageError,
} from './io.ts';
import { authenticationManifest, rbacManifest } from './rbac.ts';
import { EXIT, runCommand, runEvent, runPreflight, startFleet, WRONG_EVENTS } from './run.ts';
import { settingsView } from './views.ts';

/** The program with all its commands. */
export const program = new Command(invokedAs)
  .description(
    'Keeps ECR pull secrets fresh in Kubernetes namespaces: invokes the deployed function and prints its report.',
  )
  .version(VERSION)
  .exitOverride()
  .hook('preAction', (_, command) => setAwsEnvironment(command.opts()))
  .configureOutput({ outputError: (text, write) => write(plain(text)) })
  .showHelpAfterError('(add --help for all options)')
  .addHelpText(
    'after',
    '\nExit codes: 0 ok, 1 failed, 2 wrong usage, 3 stale, 4 blocked (and nothing worse), 130 interrupted',
  );
addCommands(program);

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    // the reader may have closed its end
    if (code === 'EPIPE') return;
    if (stream === process.stdout) printError(`error: could not write to standard output (${code})`);
    process.exit(EXIT.failed);
  });
}

if (import.meta.main) await main();

/** Runs the command that the arguments of this process name, and sets the exit code. */
export async function main(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (fault) {
    process.exitCode = reportError(fault);
  }
}

/** Prints an error on stderr, with `--json` also as JSON on stdout, and returns the exit code for it. */
function reportError(fault: unknown): number {
  const isUsage = fault instanceof CommanderError;
  if (isUsage && fault.exitCode === 0) return EXIT.ok;
  const error = isUsage ? new UsageError(fault.message.replace(/^error: /, '')) : toHelperError(fault);
  if (process.argv.includes('--json')) {
    printJson({ ok: false, error: { code: error.code, reason: error.problem, remedy: error.fix } });
  }
  // commander has printed it already
  if (!isUsage) printError(`error: ${error.problem}\n${error.fix}`);
  if (error instanceof InternalError) printError(error.stack ?? '');
  return error instanceof UsageError || hasCode(error, ...WRONG_EVENTS) ? EXIT.usage : EXIT.failed;
}

/** @param others the options that it cannot be used with, by the names of their values */
function option(flags: string, description: string, ...others: string[]): Option {
  return new Option(flags, description).conflicts(others);
}

function withAwsOptions(command: Command): Command {
  return command
    .option('--region <region>', 'of the stack; default: AWS_REGION, or that of the profile')
    .option('--profile <name>', 'of your AWS configuration; default: AWS_PROFILE')
    .option('--json', 'print JSON, and nothing else on stdout');
}

/** Adds the options that give the settings. @param when they do, if not always */
function withSettingsOptions(command: Command, when = ''): Command {
  const instead = `${when}one EKS cluster by its name, in place of settings`;
  return command
    .option('--settings <file>', `${when}the settings`)
    .addOption(option('--cluster-name <name>', instead, 'settings'));
}

/** Adds the options that say where a command runs, and how it prints the report. */
function withRunOptions(command: Command): Command {
  const stack = option('--stack <name>', 'the stack whose output FunctionName names it', 'function', 'local');
  withAwsOptions(command)
    .addOption(option('--function <name>', 'the function, by name or ARN', 'local'))
    .addOption(stack.default('ecr-registry-helper'))
    .option('--local', 'run here with your own AWS credentials, not in the function');
  return withSettingsOptions(command, 'with --local: ').option('--verbose', 'list all, also what is well');
}

type Example = readonly [args: string, meaning: string];

/** The examples under the help of a command. */
function examples(...lines: readonly Example[]): string {
  const width = Math.max(...lines.map(([args]) => args.length));
  const shown = lines.map(([args, meaning]) => `  $ ${invokedAs} ${args.padEnd(width)}  # ${meaning}`);
  return `\nExamples:\n${shown.join('\n')}`;
}

function toList(value: string, before: readonly string[] = []): string[] {
  return [...before, ...value.split(',')];
}

/** @throws UsageError for several clusters */
function onlyOne([id, ...others]: readonly string[] = []): string | undefined {
  if (others.length > 0) throw new UsageError('--cluster takes one cluster here');
  return id;
}

/** Adds all commands to the program. */
export function addCommands(program: Command): void {
  /** Adds a command for an action that flags narrow. */
  const addNarrowed = (action: string, description: string, ...lines: readonly Example[]) =>
    withRunOptions(program.command(action).description(description))
      .option('--cluster <ids>', 'only these clusters, by id: a,b', toList)
      .option('--namespaces <names>', 'only these namespaces: a,b', toList)
      .addHelpText('after', examples(...lines))
      .action(({ cluster: clusters, namespaces, repository, ...flags }: Flags) =>
        runCommand(flags, { action, clusters, namespaces, ...(repository && { repository }) }),
      );

  withAwsOptions(program.command('preflight'))
    .description('checks an EKS cluster with your own identity (read-only), before anything is deployed')
    .requiredOption('--cluster-name <name>', 'the EKS cluster by its name')
    .addHelpText('after', examples(['preflight --cluster-name demo', 'what each value means, and its fix']))
    .action(runPreflight);

  addNarrowed(
    'doctor',
    'checks every step of a refresh (read-only) and prints fixes',
    ['doctor', 'with the identity of the function'],
    ['doctor --repository 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app', 'can it be pulled?'],
    ['doctor --local --settings settings.json --profile ops', 'with your own identity, from here'],
  ).option('--repository <host/name>', 'a repository that has to be pullable');
  addNarrowed(
    'plan',
    'prints what a refresh would do; writes nothing',
    ['plan', 'in all clusters'],
    ['plan --local --cluster-name demo', 'before anything is deployed, with your own identity'],
  );
  addNarrowed(
    'refresh',
    'writes a new token to the secrets; with --local only one of a role or keys of the settings',
    ['refresh', 'everything'],
    ['refresh --namespaces new-team', 'a namespace that was just created'],
  );
  addNarrowed(
    'status',
    'prints the age of the token in each secret; reads metadata only',
    ['status', 'of all clusters'],
    ['status --cluster prod --namespaces team-a,team-b', 'of two namespaces'],
    ['status --json', 'for programs; exit code 3 means that something is stale'],
  );

  withRunOptions(program.command('cleanup'))
    .description('removes our secrets that the settings no longer cover, if they allow it ("cleanup": true)')
    .option('--namespaces <names>', 'only these namespaces: a,b', toList)
    .requiredOption('--cluster <id>', 'the one cluster to clean up, by its id', toList)
    .option('--secret <name>', 'only the pull secret of this name')
    .option('--all', 'also what the settings cover; a refresh creates it again unless "enabled" is false')
    .option('--dry-run', 'asks the API server, and removes nothing')
    .addHelpText(
      'after',
      examples(
        ['cleanup --cluster demo --dry-run', 'what would be removed'],
        ['cleanup --cluster demo', 'what is no longer covered'],
        ['cleanup --cluster demo --all --secret old', 'a name, before it leaves the settings'],
        ['cleanup --cluster demo --all', 'everything of ours, before the stack is deleted'],
      ),
    )
    .action(({ cluster, namespaces, secret, all, dryRun, ...flags }: Flags) =>
      runCommand(flags, { action: 'cleanup', confirm: onlyOne(cluster), namespaces, secret, all, dryRun }),
    );

  withRunOptions(program.command('invoke'))
    .argument('<event>', 'JSON, a file of it, or - for standard input')
    .description('sends an event as it is')
    .addHelpText(
      'after',
      examples([`invoke '{"action":"plan"}'`, 'JSON'], ['invoke test/events/plan.json', 'a file']),
    )
    .action(async (event: string, flags: Flags) => runEvent(flags, await readEventArgument(event)));

  withAwsOptions(program.command('start'))
    .description('starts the state machine of a fleet, which refreshes all clusters')
    .option('--stack <name>', 'the stack whose output StateMachineArn names it', 'ecr-registry-helper')
    .option('--state-machine <arn>', 'the state machine itself')
    .option('--wait', 'follow it to its end; the exit code is 1 where a cluster failed')
    .addHelpText('after', examples(['start --wait', 'all clusters, with progress']))
    .action(startFleet);

  withSettingsOptions(program.command('rbac'))
    .description('prints the permissions of the function in a cluster, for kubectl apply')
    .addOption(
      option('--function <name>', 'the settings of this deployed function', 'settings', 'clusterName'),
    )
    .option('--cluster <id>', 'the cluster, where those of the settings have different permissions', toList)
    .option('--region <region>', 'of the stack')
    .option('--issuer <url>', 'with --role: the AuthenticationConfiguration of a cluster with webIdentity')
    .option('--role <arn>', 'the role of the function')
    .addOption(
      new Option('-c, --context <key=value>', 'settings=FILE, cluster=NAME or region=REGION as in cdk deploy')
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
    .action(async ({ cluster, function: name, issuer, role, ...flags }: Flags) => {
      const { settings, region } = name
        ? { settings: await readDeployedSettings(name), region: process.env.AWS_REGION }
        : readRbacFlags(flags, process.env);
      const only = onlyOne(cluster);
      if (issuer || role) print(authenticationManifest(settings, { only, issuer, role }));
      else print(rbacManifest(settings, { only, region }));
    });

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
      const checked = checkFile(file, input);
      const size = describeSize(functionSettings(input as SettingsInput), checked.name);
      if (json) printJson(checked);
      else print(`${settingsView(checked, size)}\n`);
    });
  settings
    .command('schema')
    .description('prints the JSON Schema of the settings, for editors')
    .addHelpText('after', examples(['settings schema > settings.schema.json', 'to name in "$schema"']))
    .action(() => print(readFileSync(new URL('../../docs/settings.schema.json', import.meta.url), 'utf8')));
}
