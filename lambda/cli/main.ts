import { Command, CommanderError } from 'commander';
import { EventError, HelperError, InternalError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { addCleanup } from './commands/cleanup.ts';
import { addDoctor } from './commands/doctor.ts';
import { addInvoke } from './commands/invoke.ts';
import { addPlan } from './commands/plan.ts';
import { addRbac } from './commands/rbac.ts';
import { addRefresh } from './commands/refresh.ts';
import { addSettings } from './commands/settings.ts';
import { addStatus } from './commands/status.ts';
import { UsageError } from './errors.ts';
import { invokedAs } from './examples.ts';
import { EXIT } from './exit-codes.ts';

const program = new Command(invokedAs)
  .description(
    'Keeps ECR pull secrets fresh in Kubernetes namespaces: asks the deployed function, and shows its answer.',
  )
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError('(add --help to see what there is)')
  .addHelpText(
    'after',
    '\nExit codes: 0 all is well, 1 failed, 2 wrong usage, 3 stale, 4 blocked (and nothing worse), 130 interrupted',
  );
for (const add of [addDoctor, addPlan, addRefresh, addStatus, addCleanup, addInvoke, addRbac, addSettings]) {
  add(program);
}

// whoever reads may have read enough
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program.parseAsync();
} catch (fault) {
  process.exitCode = told(fault);
}

/** Says on stderr what went wrong, and gives the exit code for it. */
function told(fault: unknown): number {
  // commander has said it already
  if (fault instanceof CommanderError) return fault.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const known = fault instanceof HelperError ? fault : new InternalError(fault);
  console.error(`error: ${known.problem}\n${known.remedy}`);
  if (known instanceof InternalError) console.error(known.stack);
  return known instanceof UsageError || known instanceof EventError ? EXIT.usage : EXIT.failed;
}
