import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchange, type Reading } from '../../../lambda/kubernetes/exchange.ts';
import { ManualClock } from '../manual-clock.ts';

/** Sends as many pieces of one byte as its path says. */
const server = createServer((request, response) => {
  const pieces = Number(request.url?.slice(1));
  for (let piece = 0; piece < pieces; piece += 1) response.write(' ');
  response.end();
});
const agent = new Agent();

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(async () => {
  await agent.close();
  server.close();
});

const read = (pieces: number, reading: Reading) => {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { timeoutMs: 5_000, clock: new ManualClock(), reading };
  return exchange(agent, { origin, path: `/${pieces}`, method: 'GET' }, options);
};

test('an answer in many pieces is read', async () => {
  const reading = { bytes: 0, total: 0 };
  expect((await read(40_000, reading)).text).toHaveLength(40_000);
  expect(reading).toEqual({ bytes: 0, total: 40_000 });
});

test('one in pieces of a byte without end is given up, as each takes memory', async () => {
  await expect(read(60_000, { bytes: 0, total: 0 })).rejects.toThrow('more than 50000 pieces');
});

test('all answers of a run together are bounded', async () => {
  const reading = { bytes: 0, total: 512 * 1024 * 1024 - 10 };
  expect((await read(10, reading)).text).toHaveLength(10);
  await expect(read(10, reading)).rejects.toThrow('more than 512 MiB in this run');
});
