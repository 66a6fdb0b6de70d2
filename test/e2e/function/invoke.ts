import type { Answer } from '../../../lambda/answers.ts';
import type { Report } from '../../../lambda/report.ts';
import { type ChildResult, runChild } from './child.ts';
import type { Done, Order } from './runtime.ts';

/** What one invocation gave, and all that its process wrote. */
export interface Invocation<Of extends Answer = Report>
  extends Done<Of>,
    Omit<ChildResult<Done<Of>>, 'done'> {}

/** The bundle that is deployed. */
export const BUNDLE = new URL('../../../dist/lambda/index.mjs', import.meta.url);

const runtime = new URL('runtime.ts', import.meta.url);

/**
 * Invokes the bundle in a process of its own that has no environment but `env`.
 * @param earlier what the same process is invoked with before
 * @throws {Error} with what the process wrote, if it ends without an answer or does not end after it
 */
export async function invoke<Of extends Answer = Report>(
  event: unknown,
  env: Record<string, string>,
  earlier?: unknown,
): Promise<Invocation<Of>> {
  const order: Order = {
    bundle: BUNDLE.href,
    event,
    ...(earlier !== undefined && { earlier }),
    remainingMs: 300_000,
    functionArn: 'arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper',
  };
  const { done, ...written } = await runChild<Order, Done<Of>>(runtime, order, env);
  return { ...done, ...written };
}
