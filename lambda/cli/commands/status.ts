import type { Command } from 'commander';
import { ask, eventOf } from '../asking.ts';
import { examples } from '../examples.ts';
import { type AskOptions, asking, type NarrowingOptions, narrowing } from '../options.ts';

/** `status`: how old the secrets are. */
export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description('how old the token of each secret is; reads metadata only');
  narrowing(asking(command))
    .addHelpText(
      'after',
      examples(
        ['status', 'of all clusters'],
        ['status --clusters prod --namespaces team-a,team-b', 'of two namespaces'],
        ['status --json', 'for programs; exit code 3 says that something is stale'],
      ),
    )
    .action(({ clusters, namespaces, ...options }: AskOptions & NarrowingOptions) =>
      ask(options, eventOf({ action: 'status', clusters, namespaces })),
    );
}
