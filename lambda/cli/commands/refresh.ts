import type { Command } from 'commander';
import { ask, eventOf } from '../asking.ts';
import { examples } from '../examples.ts';
import { type AskOptions, asking, type NarrowingOptions, narrowing } from '../options.ts';

/** `refresh`: a new token into the secrets. */
export function addRefresh(program: Command): void {
  const command = program
    .command('refresh')
    .description(
      'writes a new token into the secrets; with --local only one of a role or keys of the settings',
    );
  narrowing(asking(command))
    .addHelpText(
      'after',
      examples(
        ['refresh', 'everything'],
        ['refresh --namespaces new-team', 'a namespace that was just made'],
      ),
    )
    .action(({ clusters, namespaces, ...options }: AskOptions & NarrowingOptions) =>
      ask(options, eventOf({ action: 'refresh', clusters, namespaces })),
    );
}
