import type { Command } from 'commander';
import { ask, eventOf } from '../asking.ts';
import { examples } from '../examples.ts';
import { type AskOptions, asking, type NarrowingOptions, narrowing } from '../options.ts';

/** `plan`: what a refresh would do. */
export function addPlan(program: Command): void {
  const command = program.command('plan').description('what a refresh would do; writes nothing');
  narrowing(asking(command))
    .addHelpText(
      'after',
      examples(
        ['plan', 'in all clusters'],
        ['plan --local --cluster demo', 'before anything is deployed, with your own identity'],
      ),
    )
    .action(({ clusters, namespaces, ...options }: AskOptions & NarrowingOptions) =>
      ask(options, eventOf({ action: 'plan', clusters, namespaces })),
    );
}
