import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { codeOf } from '../../errors.ts';
import { ask } from '../asking.ts';
import { UsageError } from '../errors.ts';
import { examples } from '../examples.ts';
import { type AskOptions, asking } from '../options.ts';

/** `invoke`: any event, as it is. */
export function addInvoke(program: Command): void {
  asking(
    program
      .command('invoke')
      .argument('<event>', 'JSON, or a file of it')
      .description('sends an event as it is'),
  )
    .addHelpText(
      'after',
      examples([`invoke '{"action":"plan"}'`, 'JSON'], ['invoke test/events/plan.json', 'a file']),
    )
    .action((event: string, options: AskOptions) => ask(options, readEventArgument(event)));
}

function readEventArgument(given: string): unknown {
  const inline = given.trimStart().startsWith('{');
  let text = given;
  try {
    if (!inline) text = readFileSync(given, 'utf8');
    return JSON.parse(text);
  } catch (fault) {
    if (fault instanceof SyntaxError) throw new UsageError(`${inline ? 'the event' : given} is not JSON`);
    throw new UsageError(`${given} cannot be read (${codeOf(fault)})`);
  }
}
