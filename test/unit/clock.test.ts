import { expect, test } from 'vitest';
import { startDeadline, systemClock } from '../../lambda/context.ts';
import { ManualClock } from './manual-clock.ts';

const settled = () => new Promise(setImmediate);

test('a deadline aborts at its moment and not before', async () => {
  const clock = new ManualClock();
  const deadline = startDeadline(clock, clock.now() + 1_000);
  clock.advance(999);
  await settled();
  expect(deadline.signal.aborted).toBe(false);
  clock.advance(1);
  await settled();
  expect(deadline.signal.aborted).toBe(true);
});

test('a deadline that was stopped does not abort', async () => {
  const clock = new ManualClock();
  const deadline = startDeadline(clock, clock.now() + 1_000);
  deadline.stop();
  clock.advance(2_000);
  await settled();
  expect(deadline.signal.aborted).toBe(false);
});

test('a deadline that is over already aborts at once', async () => {
  const { signal } = startDeadline(systemClock, systemClock.now() - 1);
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  expect(signal.aborted).toBe(true);
});

test('a sleeper wakes up when it is told to', async () => {
  const alarm = new AbortController();
  const sleep = systemClock.sleep(3_600_000, alarm.signal);
  alarm.abort();
  await expect(sleep).rejects.toMatchObject({ name: 'AbortError' });
});
