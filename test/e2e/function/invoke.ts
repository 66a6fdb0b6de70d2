import type { Answer } from '../../../lambda/handler.ts';
import type { Report } from '../../../lambda/refresh/report.ts';
import { type ChildResult, runChild } from './child.ts';
import type { Done, Order } from './runtime.ts';

/** What one invocation gave, and all that its process wrote. */
export interface RunRequest<Of extends Answer = Report>
  extends Done<Of>,
    Omit<ChildResult<Done<Of>>, 'done'> {}

/** What Lambda would decide. */
export interface Lambda {
  /** What the same process is invoked with before, so that it is warm. */
  readonly earlier: unknown;
  /** Until its time-out. */
  readonly remainingMs: number;
  /** Kills the process at once. */
  readonly kill: AbortSignal;
}

/** The bundle that is deployed. */
export const BUNDLE = new URL('../../../dist/lambda/index.mjs', import.meta.url);

/** What a process takes at most before it invokes. */
const startMs = 30_000;
const runtime = new URL('runtime.ts', import.meta.url);

/**
 * Invokes the bundle in a process of its own that has no environment but `env`.
 * @throws {Error} with what the process wrote, if it ends without an answer or does not end after it
 */
export async function invoke<Of extends Answer = Report>(
  event: unknown,
  env: Record<string, string>,
  { earlier, remainingMs = 300_000, kill }: Partial<Lambda> = {},
): Promise<RunRequest<Of>> {
  const order: Order = {
    bundle: BUNDLE.href,
    event,
    ...(earlier !== undefined && { earlier }),
    remainingMs,
    functionArn: 'arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper',
  };
  // Lambda ends a run that takes longer
  const ends = [AbortSignal.timeout(remainingMs + startMs), ...(kill ? [kill] : [])];
  const { done, ...written } = await runChild<Order, Done<Of>>(runtime, order, env, AbortSignal.any(ends));
  return { ...done, ...written };
}
