import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../../lambda/kubernetes/api-error.ts';
import { Seats } from '../../../lambda/kubernetes/transport.ts';
import { DEPLOYMENT } from './deployment.ts';

const throttled = new ApiError(429, '{}', DEPLOYMENT);

/** How many of `count` requests are in flight at once at most; `fault` is what each throws. */
async function inFlight(seats: Seats, count: number, fault?: Error): Promise<number> {
  let running = 0;
  let most = 0;
  const request = async () => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    running -= 1;
    if (fault) throw fault;
  };
  await Promise.allSettled(Array.from({ length: count }, () => seats.use(request)));
  return most;
}

describe('requests in flight to one API server', () => {
  test('are as many as there are seats', async () => {
    expect(await inFlight(new Seats(24), 100)).toBe(24);
  });

  test('are half as many once some were throttled, however many at once', async () => {
    const seats = new Seats(24);
    await inFlight(seats, 24, throttled);
    expect(await inFlight(seats, 24)).toBe(12);
  });

  test('are one at least', async () => {
    const seats = new Seats(2);
    for (let at = 0; at < 5; at += 1) await inFlight(seats, 1, throttled);
    expect(await inFlight(seats, 3)).toBe(1);
  });

  test('grow again with successes, up to as many as before', async () => {
    const seats = new Seats(4);
    await inFlight(seats, 4, throttled);
    expect(await inFlight(seats, 20)).toBe(2);
    expect(await inFlight(seats, 200)).toBe(4);
  });

  test('stay as many after any other error', async () => {
    const seats = new Seats(4);
    await inFlight(seats, 4, new Error('500'));
    expect(await inFlight(seats, 8)).toBe(4);
  });
});
