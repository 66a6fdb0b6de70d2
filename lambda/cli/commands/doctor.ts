import type { Command } from 'commander';
import { ask, eventOf } from '../asking.ts';
import { examples } from '../examples.ts';
import { type AskOptions, asking, type NarrowingOptions, narrowing } from '../options.ts';

interface DoctorOptions extends AskOptions, NarrowingOptions {
  readonly repository?: string;
}

/** `doctor`: walks the whole way without writing. */
export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('tests the whole way without writing, and says what mends it');
  narrowing(asking(command))
    .option('--repository <host/name>', 'a repository that has to be pullable')
    .addHelpText(
      'after',
      examples(
        ['doctor', 'with the identity of the function'],
        ['doctor --repository 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app', 'can it be pulled?'],
        ['doctor --local --settings settings.json --profile ops', 'with your own identity, from here'],
      ),
    )
    .action(({ clusters, namespaces, repository, ...options }: DoctorOptions) =>
      ask(options, eventOf({ action: 'doctor', clusters, namespaces, repository })),
    );
}
