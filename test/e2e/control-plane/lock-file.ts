import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** A holder that is older than this is taken for dead, as its process id may be somebody else's by now. */
const staleMs = 60 * 60_000;

/**
 * Runs `work` while no other process of this machine holds the lock file `path`; waits for its holder to end.
 * The lock of a process that died is taken over. Two that find the same dead lock may both go on: use it to
 * save work, not where correctness needs it.
 */
export async function withLockFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  while (!(await tryToHold(path))) {
    if (await isHeld(path)) await delay(250);
    else await rm(path, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryToHold(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isHeld(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    // An empty file is one that its holder is just writing: pid 0 asks for our own group, which lives.
    process.kill(Number(await readFile(path, 'utf8')), 0);
    return Date.now() - mtimeMs < staleMs;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
