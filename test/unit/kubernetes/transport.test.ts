import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiEndpoint, Transport } from '../../../lambda/kubernetes/transport.ts';
import { ManualClock } from '../manual-clock.ts';
import { DEPLOYMENT } from './deployment.ts';

const server = createServer((_request, response) => void response.writeHead(403).end());
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => void server.close());

function transportTo(endpoint: ApiEndpoint, deployment = () => DEPLOYMENT): Transport {
  const clock = new ManualClock();
  return new Transport({
    endpoint,
    get deployment() {
      return deployment();
    },
    tokens: { current: async () => undefined },
    concurrency: 1,
    userAgent: 'test',
    clock,
    deadline: { at: clock.now() + 600_000, signal: new AbortController().signal },
    unauthorized: () => new Error('401'),
  });
}

test('a request that cannot be sent fails at once, and is not retried as if the server were away', async () => {
  const transport = transportTo({ url: 'https://127.0.0.1:9', caPem: '' });
  const request = { method: 'GET', path: '/api/v1/name spaces', headers: {} } as const;
  await expect(transport.send(request)).rejects.toMatchObject({
    name: 'InternalError',
    problem: 'unexpected InvalidArgumentError',
  });
  await transport.close();
});

test('a bug in reading an answer is not retried as if the server were away', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = transportTo({ url, caPem: undefined }, () => {
    throw new TypeError('a bug');
  });
  const request = { method: 'GET', path: '/api/v1/namespaces', headers: {} } as const;
  await expect(transport.send(request)).rejects.toThrow(new TypeError('a bug'));
  await transport.close();
});
