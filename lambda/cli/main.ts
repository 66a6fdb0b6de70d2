import { Command, CommanderError } from 'commander';
import { VERSION } from '../context.ts';
import { EventError, InternalError, plain, toHelperError } from '../errors.ts';
import { addCommands } from './commands.ts';
import { EXIT, invokedAs, printError, UsageError } from './io.ts';

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

// the reader may have closed its end
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

if (import.meta.main) await main();

/** Runs the command that the arguments of this process name, and sets the exit code. */
export async function main(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (fault) {
    process.exitCode = reportError(fault);
  }
}

/** Prints an error on stderr, and returns the exit code for it. */
function reportError(fault: unknown): number {
  // commander has printed it already
  if (fault instanceof CommanderError) return fault.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const error = toHelperError(fault);
  printError(`error: ${error.problem}\n${error.fix}`);
  if (error instanceof InternalError) printError(error.stack ?? '');
  return error instanceof UsageError || error instanceof EventError ? EXIT.usage : EXIT.failed;
}
