const WORDS =
  /^(fields|filter|unnest|into|as|and|or|in|sort|asc|desc|limit|stats|by|display|ispresent|coalesce|count|latest|jsonParse)$/;

/**
 * The fields of a log line that a query of CloudWatch Logs Insights reads, by their paths; what it takes out of lists by
 * `unnest` has the path of the list in front. Fields of Insights' own (`@timestamp`) are left out.
 */
export function fieldsRead(query: string): string[] {
  const named = new Map<string, string>();
  const read = new Set<string>();
  const pathOf = (field: string) => {
    const [first = '', ...rest] = field.split('.');
    return [named.get(first) ?? first, ...rest].filter((part) => part !== '').join('.');
  };
  for (const line of query.replaceAll(/"[^"]*"/g, '').split('|')) {
    const [, list, item] = /^\s*unnest (\S+) into (\w+)/.exec(line) ?? [];
    // what is computed has a name of the query's own
    const computed = [...line.matchAll(/\bas (\w+)/g)].map(([, name]) => name ?? '');
    for (const [word] of line.matchAll(/(?<![\w.@])[a-zA-Z][\w.]*/g)) {
      if (!WORDS.test(word) && word !== item && !computed.includes(word)) read.add(pathOf(word));
    }
    if (list && item) named.set(item, pathOf(list));
    for (const name of computed) named.set(name, '');
  }
  return [...read].filter((path) => path !== '');
}

/** Whether a value has something at a path; of a list, any of its items. */
export function has(value: unknown, path: string): boolean {
  if (Array.isArray(value)) return value.some((item) => has(item, path));
  if (path === '') return value !== undefined;
  if (typeof value !== 'object' || value === null) return false;
  const [first = '', ...rest] = path.split('.');
  return has((value as Record<string, unknown>)[first], rest.join('.'));
}
