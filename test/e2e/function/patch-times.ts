import { subscribe } from 'node:diagnostics_channel';

/** Of the PATCH requests of a process, in ms: from the sending of the head to the end of the answer. */
export interface PatchTimes {
  readonly p50: number;
  readonly p99: number;
}

interface Message {
  readonly request: { readonly method: string };
}

/**
 * Starts to time PATCH requests by the channels on which undici tells of them, also a copy that is bundled:
 * https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
 */
export function patchTimer(): () => PatchTimes {
  const sent = new WeakMap<object, number>();
  const times: number[] = [];
  subscribe('undici:client:sendHeaders', (message) => {
    const { request } = message as Message;
    if (request.method === 'PATCH') sent.set(request, performance.now());
  });
  subscribe('undici:request:trailers', (message) => {
    const at = sent.get((message as Message).request);
    if (at !== undefined) times.push(performance.now() - at);
  });
  return () => {
    const sorted = times.toSorted((a, b) => a - b);
    const percentile = (part: number) => sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN;
    return { p50: percentile(0.5), p99: percentile(0.99) };
  };
}
