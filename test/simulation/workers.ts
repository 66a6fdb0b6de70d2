import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What the processes play: the file of a process, batches in their order, and how many processes there are. */
export interface Work<Batch extends object> {
  /** Relative to this folder. It calls {@link serve}. */
  readonly file: string;
  readonly batches: readonly Batch[];
  readonly workers: number;
}

/**
 * Plays batches in processes, each of which takes the next when it is done with one.
 * @param take gets each answer; no batch is begun any more once it returns false
 */
export async function playInWorkers<Batch extends object, Answer>(
  { file, batches, workers }: Work<Batch>,
  take: (answer: Answer, batch: Batch) => boolean,
): Promise<void> {
  const left = [...batches];
  let goesOn = true;
  const work = async () => {
    const worker = fork(join(import.meta.dirname, file));
    try {
      for (let batch = left.shift(); batch && goesOn; batch = left.shift()) {
        const answer = await ask<Answer>(worker, batch);
        goesOn = take(answer, batch) && goesOn;
      }
    } finally {
      worker.kill();
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, left.length) }, work));
}

/** Answers the batches that a process gets. */
export function serve<Batch, Answer>(play: (batch: Batch) => Promise<Answer>): void {
  process.on('message', (batch: Batch) => {
    play(batch).then(
      (answer) => process.send?.({ answer }),
      (fault: unknown) => process.send?.({ fault: fault instanceof Error ? fault.stack : String(fault) }),
    );
  });
}

async function ask<Answer>(worker: ChildProcess, batch: object): Promise<Answer> {
  const done = new AbortController();
  const { signal } = done;
  worker.send(batch);
  const gone = once(worker, 'exit', { signal }).then(([code]) => {
    throw new Error(`a worker ended with ${code} at ${JSON.stringify(batch)}`);
  });
  try {
    const [message] = await Promise.race([once(worker, 'message', { signal }), gone]);
    const { answer, fault } = message as { answer: Answer; fault?: string };
    if (fault) throw new Error(`${fault}\nat ${JSON.stringify(batch)}`);
    return answer;
  } finally {
    gone.catch(() => undefined);
    done.abort();
  }
}
