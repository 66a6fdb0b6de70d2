import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestEcr } from '../../../lambda/doctor/registry-checks.ts';
import { Redacted } from '../../../lambda/errors.ts';
import { createAuthority } from '../../sandbox/certificates.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const before = getGlobalDispatcher();
const versions: string[] = [];
let server: Http2SecureServer;
let open = 0;
let agent: Agent;

/** Takes HTTP/2 from whoever offers it, as many load balancers do. */
beforeAll(async () => {
  const authority = await createAuthority('test');
  const { certificatePem: cert, keyPem: key } = await authority.issue({
    commonName: HOST,
    dnsNames: [HOST],
    usage: 'server',
  });
  server = createSecureServer({ cert, key, allowHTTP1: true }, ({ httpVersion }, response) => {
    versions.push(httpVersion);
    response.writeHead(200).end();
  });
  server.on('secureConnection', (socket) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  agent = new Agent({ connect: { ca: authority.certificatePem, servername: HOST } });
  setGlobalDispatcher(
    agent.compose(
      (dispatch) => (options, handler) =>
        dispatch({ ...options, origin: `https://127.0.0.1:${port}` }, handler),
    ),
  );
});

afterAll(async () => {
  setGlobalDispatcher(before);
  await agent.destroy();
  server.close();
});

test('no connection stays open after an answer, also to a registry that speaks HTTP/2', async () => {
  const answer = await requestEcr(HOST, '/v2/', new Redacted('token'), AbortSignal.timeout(10_000));
  expect(answer).toMatchObject({ code: 200 });
  expect(versions).toEqual(['1.1']);
  await expect.poll(() => open).toBe(0);
});
