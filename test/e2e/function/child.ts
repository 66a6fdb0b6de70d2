import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** What a child answered, and all that it wrote. */
export interface ChildResult<Done> {
  readonly done: Done;
  readonly stdout: string;
  readonly stderr: string;
}

const endTimeoutMs = 5_000;

/**
 * Runs a script that calls {@link serveOrder} in a process of its own, which has no environment but `env`.
 * @param kill kills the process at once
 * @throws {Error} with what the process wrote, if it ends without an answer or does not end after it
 */
export async function runChild<Order extends object, Done>(
  script: URL,
  order: Order,
  env: Record<string, string>,
  kill?: AbortSignal,
): Promise<ChildResult<Done>> {
  const child = fork(script, [], { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let answer: { done: Done } | undefined;
  let late: NodeJS.Timeout | undefined;
  child.once('message', (done: Done) => {
    answer = { done };
    late = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
  });
  kill?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  child.send(order);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    once(child, 'exit'),
  ]);
  clearTimeout(late);
  if (!answer || code !== 0) {
    throw new Error(`${script.pathname} ended with ${signal ?? code}:\n${stdout}${stderr}`);
  }
  return { ...answer, stdout, stderr };
}

/** In the child: does the one order of the parent. Nothing may keep the process alive after that. */
export function serveOrder<Order, Done>(work: (order: Order) => Promise<Done>): void {
  process.once('message', (order: Order) => {
    void work(order).then((done) => {
      process.send?.(done);
      process.disconnect();
    });
  });
}

/** Starts to count; the result says how much CPU time this process has used since, in ms. */
export function cpuTimer(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
}

/** The most resident memory that this process had, in bytes. */
export function peakMemory(): number {
  // Not maxRSS where the kernel tells it: that of the parent is in it, as exec keeps it.
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1_024;
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kibibytes) * 1_024;
}
