import type { Answer, InvocationContext } from '../../../lambda/handler.ts';
import type { Report } from '../../../lambda/refresh/report.ts';
import { reported } from '../../sandbox/bundle.ts';
import { cpuTimer, peakMemory, serveOrder } from './child.ts';
import { type PatchTimes, patchTimer } from './patch-times.ts';

/** One invocation of a bundle, given by its `file:` URL. */
export interface Order {
  readonly bundle: string;
  readonly event: unknown;
  /** What the same process is invoked with before, so that it is warm. */
  readonly earlier?: unknown;
  readonly remainingMs: number;
  readonly functionArn: string;
}

/** The report of what was asked for, or what the handler threw; and what it took. */
export interface Done<Of extends Answer = Report> {
  readonly report?: Of;
  readonly error?: { readonly name: string; readonly message: string };
  readonly importMs: number;
  /** Of the handler alone. */
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly patchMs: PatchTimes;
}

/** Does what Lambda's runtime does after a cold start. */
serveOrder(async ({ bundle, event, earlier, remainingMs, functionArn }: Order): Promise<Done<Answer>> => {
  const beforeImport = performance.now();
  const { handler }: typeof import('../../../lambda/handler.ts') = await import(bundle);
  const began = performance.now();
  const patches = patchTimer();
  const cpu = cpuTimer();
  const context: InvocationContext = {
    awsRequestId: '6f6b6a4e-5d3c-4b2a-9180-7f6e5d4c3b2a',
    invokedFunctionArn: functionArn,
    getRemainingTimeInMillis: () => remainingMs - (performance.now() - began),
  };
  if (earlier !== undefined) await handler(earlier, context);
  const outcome = await handler(event, context)
    .then(reported)
    .then(
      (report) => ({ report }),
      ({ name, message }: Error) => ({ error: { name, message } }),
    );
  const spent = { durationMs: performance.now() - began, cpuMs: cpu() };
  return {
    ...outcome,
    importMs: began - beforeImport,
    ...spent,
    peakBytes: peakMemory(),
    patchMs: patches(),
  };
});
