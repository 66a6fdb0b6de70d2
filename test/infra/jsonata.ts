import { runInNewContext } from 'node:vm';

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
  const found = runInNewContext(`(${inJavaScript(text)})`, {
    ...variables,
    $string: JSON.stringify,
    $substring: (whole: string, from: number, length: number) => whole.slice(from, from + length),
  });
  if (found === undefined) throw new Error(`nothing: ${text}`);
  // of this context again
  return JSON.parse(JSON.stringify(found));
}

function inJavaScript(text: string): string {
  return text
    .split(/("[^"]*")/)
    .map((part, at) => (at % 2 === 0 ? part.replaceAll('.', '?.').replaceAll(' = ', ' === ') : part))
    .join('')
    .replace(/\[(\w+) === ("[^"]*")\]\[/g, '?.filter((one) => one.$1 === $2)?.[')
    .replace(/(\w)\[(\d)\]/g, '$1?.[$2]');
}
