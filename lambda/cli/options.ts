import { type Command, Option } from 'commander';

/** Where a command finds what it asks, and how it shows the answer. */
export interface AskOptions {
  readonly function?: string;
  readonly stack: string;
  readonly region?: string;
  readonly profile?: string;
  readonly local?: true;
  readonly settings?: string;
  readonly cluster?: string;
  readonly json?: true;
}

/** What a command narrows its action to. */
export interface NarrowingOptions {
  readonly clusters?: string[];
  readonly namespaces?: string[];
}

/** Gives a command the options by which it asks. */
export function asking(command: Command): Command {
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
      new Option('--cluster <name>', 'with --local: one EKS cluster instead of settings').conflicts(
        'settings',
      ),
    )
    .option('--json', 'print the answer as JSON, and nothing else on stdout');
}

/** Gives a command the options that narrow what it is about. */
export function narrowing(command: Command): Command {
  return command
    .option('--clusters <ids>', 'only these clusters, by id: a,b', listed)
    .option('--namespaces <names>', 'only these namespaces: a,b', listed);
}

function listed(value: string, before: readonly string[] = []): string[] {
  return [...before, ...value.split(',')];
}
