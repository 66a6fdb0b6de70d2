import { type Batch, check } from './check.ts';

// a process of main.ts: takes batches, answers with what it found
process.on('message', (batch: Batch) => {
  check(batch).then(
    (finding) => process.send?.({ finding }),
    (fault: unknown) => process.send?.({ fault: fault instanceof Error ? fault.stack : String(fault) }),
  );
});
