import { compileFunction } from 'node:vm';

/**
 * Evaluates what a state has in `{% %}`, in it or in a part of it, as JavaScript. What JSONata means otherwise is put
 * into its words: a path that leads nowhere is nothing, and `list[field = "x"]` takes those that fit.
 * @throws {Error} for an expression without a value, as Step Functions does
 */
export function evaluated(value: unknown, variables: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(value)) return value.map((part) => evaluated(part, variables));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, evaluated(part, variables)]));
  }
  const text = typeof value === 'string' && /^\{% (.*) %\}$/s.exec(value)?.[1];
  if (!text) return value;
  const names = Object.keys(variables);
  const found: unknown = compiled(text, names)(
    ...names.map((name) => variables[name]),
    JSON.stringify,
    substring,
    exists,
  );
  if (found === undefined) throw new Error(`nothing: ${text}`);
  // without what is nothing
  return JSON.parse(JSON.stringify(found));
}

const substring = (whole: string, from: number, length: number) => whole.slice(from, from + length);
const exists = (value: unknown) => value !== undefined;
const known = new Map<string, (...values: unknown[]) => unknown>();

/** Each expression once, as a fleet evaluates the same few thousands of times. */
function compiled(text: string, names: readonly string[]): (...values: unknown[]) => unknown {
  const key = [text, ...names].join();
  const expression =
    known.get(key) ??
    (compileFunction(`return (${inJavaScript(text)})`, [
      ...names,
      '$string',
      '$substring',
      '$exists',
    ]) as never);
  known.set(key, expression);
  return expression;
}

function inJavaScript(text: string): string {
  return text
    .split(/("[^"]*")/)
    .map((part, at) => (at % 2 === 0 ? part.replaceAll('.', '?.').replaceAll(' = ', ' === ') : part))
    .join('')
    .replace(/\[(\w+) === ("[^"]*")\]\[/g, '?.filter((one) => one.$1 === $2)?.[')
    .replace(/(\w)\[(\d)\]/g, '$1?.[$2]');
}
