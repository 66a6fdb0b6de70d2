/** The width of the terminal in all recordings. */
export const COLUMNS = 80;

const FONT_SIZE = 14;
/** Of most monospace fonts; the text is fitted to it, so that columns stay aligned in the others. */
const CHARACTER = 8.4;
const LINE = 20;
const PADDING = 16;

/** The styles that a program may switch on and off, by the numbers of their escape sequences. */
const STYLES: Readonly<Record<string, string>> = {
  1: 'bold',
  2: 'dim',
  31: 'red',
  32: 'green',
  33: 'yellow',
};
const ENDS: Readonly<Record<string, readonly string[]>> = {
  0: Object.values(STYLES),
  22: ['bold', 'dim'],
  39: ['red', 'green', 'yellow'],
};

const LIGHT = { back: '#f6f8fa', text: '#1f2328', red: '#cf222e', green: '#116329', yellow: '#7d4e00' };
const DARK: typeof LIGHT = {
  back: '#161b22',
  text: '#e6edf3',
  red: '#ff7b72',
  green: '#56d364',
  yellow: '#e3b341',
};

/** A picture of a terminal, and what it says for those who cannot see it. */
export interface Picture {
  readonly title: string;
  readonly description: string;
  /** What the terminal shows, with escape sequences for colours. */
  readonly output: string;
}

/**
 * Draws a terminal as SVG, of real text, light or dark as the reader's system is.
 * @throws Error for an escape sequence that has no style here
 */
export function drawTerminal({ title, description, output }: Picture): string {
  const rows = new Pen().write(output.replace(/\n+$/, '').split('\n'));
  const width = Math.ceil(COLUMNS * CHARACTER) + 2 * PADDING;
  const height = rows.length * LINE + 2 * PADDING;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escapeXml(title)}</title>`,
    `<desc id="description">${escapeXml(description)}</desc>`,
    '<style>',
    `text { font: ${FONT_SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; }`,
    '.bold { font-weight: 700; } .dim { opacity: 0.7; }',
    coloured(LIGHT),
    `@media (prefers-color-scheme: dark) { ${coloured(DARK)} }`,
    '</style>',
    `<rect class="back" width="${width}" height="${height}" rx="8"/>`,
    ...rows.flatMap((spans, at) =>
      spans.length === 0
        ? []
        : [`<text y="${PADDING + at * LINE + FONT_SIZE}" xml:space="preserve">${spans.join('')}</text>`],
    ),
    '</svg>',
    '',
  ].join('\n');
}

function coloured({ back, ...fills }: typeof LIGHT): string {
  const rules = Object.entries({ back, ...fills }).map(([name, fill]) => {
    return `${name === 'text' ? 'text' : `.${name}`} { fill: ${fill}; }`;
  });
  return rules.join(' ');
}

/** Writes lines below each other; a style may go on to the next line. */
class Pen {
  readonly #styles = new Set<string>();
  readonly #rows: string[][] = [];
  #column = 0;

  /** @returns the parts of each row */
  write(lines: readonly string[]): readonly (readonly string[])[] {
    for (const line of lines) {
      this.#startRow();
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of colours
      for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
        if (part.startsWith('\u001b')) this.#change(part.slice(2, -1).split(';'));
        else this.#print(part);
      }
    }
    return this.#rows;
  }

  #startRow(): void {
    this.#rows.push([]);
    this.#column = 0;
  }

  /** Goes on in the next row where this one is full, as a terminal does. */
  #print(text: string): void {
    if (text === '') return;
    if (this.#column === COLUMNS) this.#startRow();
    const fitting = text.slice(0, COLUMNS - this.#column);
    if (fitting.trim() !== '') this.#rows.at(-1)?.push(this.#span(fitting));
    this.#column += fitting.length;
    this.#print(text.slice(fitting.length));
  }

  #change(codes: readonly string[]): void {
    for (const code of codes) {
      const style = STYLES[code];
      const ends = ENDS[code || '0'];
      if (!style && !ends)
        throw new Error(`the escape sequence ${code} has no style in ${import.meta.filename}`);
      if (style) this.#styles.add(style);
      for (const end of ends ?? []) this.#styles.delete(end);
    }
  }

  #span(part: string): string {
    const text = part.trimEnd();
    const indent = text.length - text.trimStart().length;
    const at = (columns: number) => Math.round(columns * CHARACTER * 10) / 10;
    const style = this.#styles.size > 0 ? ` class="${[...this.#styles].join(' ')}"` : '';
    const length = text.length - indent;
    return `<tspan x="${PADDING + at(this.#column + indent)}" textLength="${at(length)}" lengthAdjust="spacingAndGlyphs"${style}>${escapeXml(text.trimStart())}</tspan>`;
  }
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`);
}
