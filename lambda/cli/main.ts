import { Command, CommanderError } from 'commander';
import { VERSION } from '../context.ts';
import { hasCode, InternalError, plain, toHelperError } from '../errors.ts';
import { addCommands } from './commands.ts';
import { EXIT, invokedAs, printError, printJson, UsageError } from './io.ts';
import { WRONG_EVENTS } from './run.ts';

/** The program with all its commands. */
export const program = new Command(invokedAs)
  .description(
    'Keeps ECR pull secrets fresh in Kubernetes namespaces: invokes the deployed function and prints its report.',
  )
  .version(VERSION)
  .exitOverride()
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
