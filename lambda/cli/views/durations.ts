const UNITS = [
  ['d', 86_400_000, 2],
  ['h', 3_600_000, 1],
  ['min', 60_000, 1],
  ['s', 1_000, 1],
] as const;

/** A span of time as a person says it, in the largest unit of which there is enough: `850 ms`, `12 s`, `11.5 h`, `3 d`. */
export function duration(ms: number): string {
  for (const [unit, size, least] of UNITS) {
    if (ms >= size * least) return `${Math.floor((ms / size) * 10) / 10} ${unit}`;
  }
  return `${Math.max(0, Math.round(ms))} ms`;
}

/** How long before `at` (both ISO 8601) something was; `-` where it is not known. */
export function since(then: string | undefined, at: string): string {
  return then === undefined ? '-' : duration(Date.parse(at) - Date.parse(then));
}

/** How long after `at` (both ISO 8601) something ends; `-` where it is not known. */
export function until(then: string | undefined, at: string): string {
  if (then === undefined) return '-';
  const left = Date.parse(then) - Date.parse(at);
  return left > 0 ? `in ${duration(left)}` : `${duration(-left)} ago`;
}
