import { paint, type Style } from './table.ts';

/** How an answer begins. */
export function verdict(ok: boolean): string {
  return ok ? paint('green', 'ok') : paint('red', 'not ok');
}

/** A number that is coloured once it is not 0. */
export function count(value: number, style: Style): string {
  return value > 0 ? paint(style, String(value)) : '0';
}
