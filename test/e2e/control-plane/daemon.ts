import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A long-running program with its log in a file. */
export interface Daemon {
  name: string;
  pid: number;
  /**
   * Resolves as soon as `isReady` says so.
   * @throws {Error} with the end of the log, if the program ends before that or `timeoutMs` have passed.
   */
  untilReady(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void>;
  /** The last `lines` lines that the program has logged. */
  logTail(lines?: number): Promise<string>;
  /** Kills the program (SIGKILL) and resolves when it is gone. */
  kill(): Promise<void>;
}

/** What to run; `env` is all of the program's environment, `directory` is where it runs and logs. */
export interface DaemonCommand {
  name: string;
  binary: string;
  args: string[];
  env: Record<string, string>;
  directory: string;
}

const pollMs = 50;

/**
 * Starts a program. What it needs to be ready is up to {@link Daemon.untilReady}.
 * @throws {Error} if there is no such program or it may not be run.
 */
export async function startDaemon(command: DaemonCommand): Promise<Daemon> {
  const logPath = join(command.directory, `${command.name}.log`);
  const log = await open(logPath, 'a');
  const child = spawn(command.binary, command.args, {
    cwd: command.directory,
    env: command.env,
    stdio: ['ignore', log.fd, log.fd],
  });
  let ended: string | undefined;
  const end = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  }).finally(() => log.close());

  const logTail = async (lines = 30) =>
    (await readFile(logPath, 'utf8')).split('\n').slice(-lines).join('\n');
  const failure = async (why: string) =>
    new Error(`${command.name} ${why}; the end of its log:\n${await logTail()}`);
  return {
    name: command.name,
    pid: child.pid ?? 0,
    logTail,
    async untilReady(isReady, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (!(await isReady())) {
        if (ended) throw await failure(ended);
        if (performance.now() > deadline) throw await failure(`was not ready after ${timeoutMs} ms`);
        await Promise.race([delay(pollMs), end]);
      }
    },
    async kill() {
      child.kill('SIGKILL');
      await end;
    },
  };
}
