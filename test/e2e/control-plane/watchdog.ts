import { spawn } from 'node:child_process';

/** Sees to it that nothing of a control plane outlives the process that started it. */
export interface Watchdog {
  /** Kill this process, too, when ours ends. */
  guard(pid: number): void;
  /** All is cleaned up: nothing is left to do. */
  dismiss(): void;
}

// Its input ends when our process does, however that comes about; killed processes may still write for a moment.
const script = `
while read -r pid; do pids="$pids $pid"; done
[ -z "$pids" ] || kill -KILL $pids
for attempt in 1 2 3 4 5; do rm -rf -- "$1" && exit; sleep 0.2; done
`;

/**
 * Starts a small shell that waits for our end, be it a SIGKILL, then kills the guarded processes and removes
 * `directory`. An exit handler would not do: a signal's default action runs none.
 */
export function startWatchdog(directory: string): Watchdog {
  // Detached, so that Ctrl-C in a terminal does not reach it.
  const shell = spawn('/bin/sh', ['-c', script, 'watchdog', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.unref();
  shell.stdin.on('error', () => undefined);
  return {
    guard: (pid) => void shell.stdin.write(`${pid}\n`),
    dismiss: () => void shell.kill('SIGKILL'),
  };
}
