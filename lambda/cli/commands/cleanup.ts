import type { Command } from 'commander';
import { ask, eventOf } from '../asking.ts';
import { examples } from '../examples.ts';
import { type AskOptions, asking, type NarrowingOptions, narrowing } from '../options.ts';

interface CleanupOptions extends AskOptions, NarrowingOptions {
  readonly confirm: string;
  readonly all?: true;
  readonly dryRun?: true;
}

/** `cleanup`: takes away what the settings no longer cover. */
export function addCleanup(program: Command): void {
  const command = program
    .command('cleanup')
    .description(
      'removes our secrets that the settings no longer cover; they have to allow it ("cleanup": true)',
    );
  narrowing(asking(command))
    // asked here already: a function that is sent none throws, which sets off the alarm for failed runs
    .requiredOption('--confirm <id>', 'the cluster that is meant, by its id')
    .option('--all', 'also what the settings cover; a refresh makes it again unless "enabled" is false')
    .option('--dry-run', 'asks the API server, and removes nothing')
    .addHelpText(
      'after',
      examples(
        ['cleanup --confirm demo --dry-run', 'what would go'],
        ['cleanup --confirm demo', 'what is no longer covered'],
        ['cleanup --confirm demo --all', 'everything of ours, before the stack is deleted'],
      ),
    )
    .action(({ clusters, namespaces, confirm, all, dryRun, ...options }: CleanupOptions) =>
      ask(options, eventOf({ action: 'cleanup', clusters, namespaces, confirm, all, dryRun })),
    );
}
