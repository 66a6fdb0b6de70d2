import { readFileSync } from 'node:fs';

/** The rows of the table below a heading of a page, by the names of its columns; code marks are taken off. */
export function rowsOf(page: string, heading: string): Record<string, string>[] {
  const [, section] = readFileSync(page, 'utf8').split(`\n## ${heading}\n`);
  if (section === undefined) throw new Error(`${page} has no "${heading}"`);
  const lines = section.split('\n## ')[0]?.split('\n') ?? [];
  const [names = [], , ...rows] = lines
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.replaceAll('`', '').trim()));
  return rows.map((cells) => Object.fromEntries(names.map((name, at) => [name, cells[at] ?? ''])));
}
