/** A line of the result; `met` is undefined where there is no target. */
export interface Line {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  readonly met: boolean | undefined;
}

/** A line with or without a target. */
export function line(what: string, measured: string, target = '', met?: boolean): Line {
  return { what, measured, target, met };
}

/** The lines as a table for a terminal. */
export function table(lines: readonly Line[]): string {
  const rows = lines.map(({ what, measured, target, met }) => [what, measured, target, said(met)]);
  return columns([['', 'measured', 'target', ''], ...rows]);
}

/** Rows under each other, each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const padded = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  return padded.map((row) => row.join('  ').trimEnd()).join('\n');
}

/** The middle of the values, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low = 0, high = 0] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return (low + high) / 2;
}

function said(met: boolean | undefined): string {
  if (met === undefined) return '';
  return met ? 'met' : 'MISSED';
}
