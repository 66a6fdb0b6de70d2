/** A page of the documentation that is generated from the code. */
export interface Page {
  /** Relative to the root of the project. */
  readonly file: string;
  /** Its whole text. */
  write(): string | Promise<string>;
}

/** Rows below a header, as Markdown has them. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `|${cells.map((cell) => (cell ? ` ${cell} ` : ' ')).join('|')}|`;
  const escaped = rows.map((cells) => line(cells.map((cell) => cell.replaceAll('|', '\\|'))));
  return [line(header), `|${'---|'.repeat(header.length)}`, ...escaped].join('\n');
}

/** Paragraphs, headings and tables with an empty line between them; empty ones fall away. */
export function markdownPage(...parts: readonly string[]): string {
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** A text of a program as inline code. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** A text of a program that begins in lower case and has no full stop, as a sentence. */
export function sentence(text: string): string {
  return text.replace(/^[a-z](?=\w*(?:[ ,;:]|$))/, (letter) => letter.toUpperCase()).replace(/[^.?]$/, '$&.');
}
