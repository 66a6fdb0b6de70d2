import { globSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addCommands } from '../../lambda/cli/main.ts';

interface Shown {
  readonly page: string;
  readonly script: string;
  /** What comes after `--`. */
  readonly args: readonly string[];
}

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** Commands with npm in code, up to what the shell takes: a comment, a pipe, the next command. */
const shown = globSync(['*.md', 'docs/**/*.md', 'examples/*.md', 'test/**/*.md', '.github/**/*.{md,yml}'])
  .filter((file) => file !== 'CHANGELOG.md' && !file.startsWith('docs/adr/'))
  .flatMap((page) =>
    [
      ...readFileSync(page, 'utf8').matchAll(/\bnpm(?:\.cmd)? run (?:-s )?([\w:]+)(?: -- ([^`\n#|&>;]*))?/g),
    ].map(([, script = '', rest = '']): Shown => ({ page, script, args: split(rest) })),
  );

/** The words of a command line; a placeholder that stands for more is left out. */
function split(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, one, two, three]) => one ?? two ?? three,
  );
  return words.filter((word): word is string => word !== undefined && word !== '…' && word !== '\\');
}

/** The command line, whose commands do nothing. */
function parser(): Command {
  const program = new Command();
  addCommands(program);
  const quiet = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (command.commands.length === 0) command.action(() => {});
    for (const inner of command.commands) quiet(inner);
  };
  quiet(program);
  return program;
}

test('each npm script that a page shows is there', () => {
  expect(shown.length).toBeGreaterThan(100);
  expect(shown.filter(({ script }) => !(script in scripts))).toEqual([]);
});

test('each command line that a page shows is parsed', async () => {
  const lines = shown.filter(
    ({ script, args }) => /^(cli|rbac)$/.test(script) && !/^(COMMAND|--help|--version)?$/.test(args[0] ?? ''),
  );
  expect(lines.length).toBeGreaterThan(50);
  const refused: string[] = [];
  for (const { page, script, args } of lines) {
    const words = [...(script === 'rbac' ? ['rbac'] : []), ...args];
    await parser()
      .parseAsync(words, { from: 'user' })
      .catch((error: Error) => refused.push(`${page}: ${words.join(' ')}: ${error.message}`));
  }
  expect(refused).toEqual([]);
});

test('the parser refuses what is wrong', async () => {
  await expect(parser().parseAsync(['status', '--clusters', 'prod'], { from: 'user' })).rejects.toThrow(
    "unknown option '--clusters'",
  );
});
