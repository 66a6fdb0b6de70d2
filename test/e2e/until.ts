import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;

/**
 * Resolves as soon as `isSo` does to true: for what the API server's informers bring about in a moment.
 * @throws {Error} naming `what` after 20 seconds
 */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: still not so after 20 s`);
    await delay(pollMs);
  }
}
