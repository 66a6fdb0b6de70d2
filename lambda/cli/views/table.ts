import { stripVTControlCharacters, styleText } from 'node:util';
import { terminalColumns } from 'terminal-columns';

/** How a text looks on a terminal: a colour, or `bold`. */
export type Style = Parameters<typeof styleText>[0];

const MOST_NAMED = 3;

/** Colours a text of stdout, if that is a terminal or FORCE_COLOR says so, and NO_COLOR does not speak against it. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/**
 * Rows in columns as wide as they need; on a terminal the last, and those of long texts, share what is left and are
 * wrapped. A column without content falls away.
 * @param width of the terminal in characters; none, or 0, where it is not known
 * @returns lines without a trailing line break; '' without rows
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined = process.stdout.columns,
): string {
  const filled = header.flatMap((_, at) => (rows.some((row) => row[at]) ? [at] : []));
  const lines = [header.map((title) => paint('bold', title)), ...rows];
  const cells = lines.map((line) => filled.map((at) => line[at] ?? ''));
  const columns = filled.map((_, at) => {
    const isLast = at === filled.length - 1;
    const natural = Math.max(...cells.map((line) => stripVTControlCharacters(line[at] ?? '').length));
    const isWrapped = width && (isLast || natural > width / 3);
    return { width: isWrapped ? 'auto' : 'content-width', paddingRight: isLast ? 0 : 2 };
  });
  const drawn = terminalColumns(cells, { stdoutColumns: width || Number.POSITIVE_INFINITY, columns });
  const shown = drawn.split('\n').map((line) => line.trimEnd());
  return shown.filter((line) => line !== '').join('\n');
}

/** Paragraphs with an empty line between them; empty ones fall away. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

/** What to do about problems: each remedy once, with the first of what it is for. */
export function remedies(
  problems: readonly { readonly about: string; readonly remedy?: string | undefined }[],
): string {
  const remedied = problems.flatMap(({ about, remedy }) => (remedy ? [{ about, remedy }] : []));
  const lines = [...Map.groupBy(remedied, ({ remedy }) => remedy)].map(([remedy, same]) => {
    const objects = [...new Set(same.map(({ about }) => about))];
    const more = objects.length - MOST_NAMED;
    const named = `${objects.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    return `-> ${named}: ${remedy}`;
  });
  return lines.join('\n');
}
