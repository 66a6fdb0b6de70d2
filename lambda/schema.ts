import * as z from 'zod';

/** An object that refuses unknown fields, naming them and those it knows. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown field ${issue.keys?.map((key) => JSON.stringify(key)).join(', ')}; known are ${known}`
        : undefined,
  });
}

/** A text of a pattern; `what` completes "… is not" in the message. Values that `exempt` names pass unchecked. */
export function text(pattern: RegExp, what: string, exempt: (value: string) => boolean = () => false) {
  return z
    .string()
    .refine((value) => exempt(value) || pattern.test(value), {
      error: (issue) => `${JSON.stringify(issue.input)} is not ${what}`,
    })
    .meta({ pattern: pattern.source });
}

/** Says each issue of a failed check in one line: the field, what was found and what is allowed. */
export function explain(error: z.ZodError): string {
  return error.issues
    .flatMap(likeliest)
    .map((issue) => `${field(issue.path)}: ${issue.message}${found(issue)}`)
    .join('; ');
}

/** Of a union, what is wrong with the option that knows most of the given fields; else the issue itself. */
function likeliest(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const unknown = (issues: z.core.$ZodIssue[]) =>
    issues
      .filter(({ path }) => path.length === 0)
      .flatMap((one) => (one.code === 'unrecognized_keys' ? one.keys : [])).length;
  const [option] = issue.errors.toSorted((one, other) => unknown(one) - unknown(other));
  if (!option) return [issue];
  return option.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** What was found, if the check was made with `reportInput` and its message does not say it. */
function found({ code, input }: z.core.$ZodIssue): string {
  const told = code === 'custom' || input === undefined || typeof input === 'object';
  return told ? '' : ` (found ${JSON.stringify(input)})`;
}

function field(path: PropertyKey[]): string {
  if (path.length === 0) return 'top level';
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`))
    .join('');
}
