import type { Command, Option } from 'commander';
import { program } from '../lambda/cli/main.ts';
import { EXIT } from '../lambda/cli/run.ts';
import { code, markdownPage, markdownTable, type Page, sentence } from './markdown.ts';

/** Every command with its arguments and options. */
export const cliPage: Page = { file: 'docs/reference/cli.md', write: writeCli };

const INTERRUPTED = 130;
const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = Object.entries({
  ok: 'Everything is in order.',
  failed: 'A run, a check or the command itself failed.',
  usage: 'The command line or an event is wrong. Nothing was called.',
  stale: '`status` found secrets that are missing, expired, stale or foreign.',
  blocked: 'Secrets are blocked by the owners of their namespaces, and nothing is worse.',
} satisfies Record<keyof typeof EXIT, string>).map(([name, meaning]) => [
  EXIT[name as keyof typeof EXIT],
  meaning,
]);

function writeCli(): string {
  const commands = program.commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  );
  return markdownPage(
    '# Command line',
    '<!-- Written by `npm run docs:reference`. -->',
    `${sentence(program.description())} How to install and use it: [the command line](../guides/cli.md). In a checkout of this project, write \`npm run -s cli --\` in place of \`${program.name()}\`.`,
    ...commands.flatMap(describeCommand),
    '## All commands',
    optionTable(program.options),
    '## Exit codes',
    markdownTable(
      ['Exit code', 'Meaning'],
      [...EXIT_CODES, [INTERRUPTED, 'Ctrl-C. The function may go on.'] as const].map(([status, meaning]) => [
        code(`${status}`),
        meaning,
      ]),
    ),
  );
}

/** The words of a command after the program's name. */
function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

function describeCommand(command: Command): string[] {
  const name = nameOf(command);
  const program = command.parent?.parent ?? command.parent;
  return [
    `## ${name}`,
    sentence(command.description()),
    codeBlock(`${program?.name()} ${name} ${command.usage()}`),
    command.registeredArguments.length === 0
      ? ''
      : markdownTable(
          ['Argument', 'Description'],
          command.registeredArguments.map((argument) => [
            code(`<${argument.name()}>`),
            sentence(argument.description),
          ]),
        ),
    optionTable(command.options),
    examplesOf(command) && codeBlock(examplesOf(command)),
  ];
}

function optionTable(options: readonly Option[]): string {
  const shown = options.filter(({ hidden }) => !hidden);
  if (shown.length === 0) return '';
  return markdownTable(
    ['Option', 'Default', 'Description'],
    shown.map((option) => {
      const { flags, mandatory, defaultValue, description } = option;
      const names = conflictsOf(option);
      const conflicts = options
        .filter((other) => names.includes(other.attributeName()))
        .map(({ long }) => code(long ?? ''));
      return [
        code(flags),
        mandatory ? 'required' : defaultValue === undefined ? '' : code(`${defaultValue}`),
        `${sentence(description)}${conflicts.length > 0 ? ` Not with ${conflicts.join(', ')}.` : ''}`,
      ];
    }),
  );
}

/** The attribute names of the options that an option excludes; its type leaves the property out. */
function conflictsOf(option: Option): readonly string[] {
  return (option as Option & { readonly conflictsWith: readonly string[] }).conflictsWith;
}

/** The lines below "Examples:" in the help of a command; empty for none. */
function examplesOf(command: Command): string {
  let help = '';
  const output = { writeOut: (text: string) => (help += text) };
  command.configureOutput(output).outputHelp();
  const [, examples = ''] = help.split('\nExamples:\n');
  return examples.replaceAll(/^ +\$ /gm, '').trim();
}

function codeBlock(text: string): string {
  return `\`\`\`sh\n${text}\n\`\`\``;
}
