import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;

/**
 * Resolves as soon as `isSo` does to true: for what the API server's informers bring about in a moment.
 * @throws {Error} naming `what` after so many seconds
 */
export async function until(what: string, isSo: () => Promise<boolean>, seconds = 20): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: still not so after ${seconds} s`);
    await delay(pollMs);
  }
}
