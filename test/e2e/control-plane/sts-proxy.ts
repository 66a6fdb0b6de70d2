import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Authority } from '../../sandbox/certificates.ts';
import { type Principal, whoPresigned } from '../../sandbox/signatures.ts';

/** `principals` is read anew for every request; `authority` issues the certificate of the STS host. */
export interface StsProxyOptions {
  region: string;
  authority: Authority;
  principals: Iterable<Principal>;
}

export interface StsProxy {
  /** For `HTTPS_PROXY`. */
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts an HTTP proxy whose only destination is a region's STS, which it plays itself: it ends the TLS and
 * answers a presigned GetCallerIdentity whose signature is one of `principals`'s, headers included. So
 * aws-iam-authenticator, which builds the host's name itself, asks it with no change to its code.
 */
export async function startStsProxy({ region, authority, principals }: StsProxyOptions): Promise<StsProxy> {
  const host = `sts.${region}.amazonaws.com`;
  const { certificatePem, keyPem } = await authority.issue({
    commonName: host,
    dnsNames: [host],
    usage: 'server',
  });
  const sts = createTlsServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    answer(request, response, region, principals).catch(() => response.destroy());
  });
  const proxy = createServer((_, response) => void response.writeHead(405).end());
  const tunnels = new Set<Duplex>();
  proxy.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (request.url !== `${host}:443`) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    tunnels.add(socket.once('close', () => tunnels.delete(socket)));
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    socket.unshift(head);
    sts.emit('connection', socket);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async stop() {
      const closed = once(proxy.close(), 'close');
      for (const tunnel of tunnels) tunnel.destroy();
      await closed;
    },
  };
}

/** The answers of https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html as JSON. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  region: string,
  principals: Iterable<Principal>,
): Promise<void> {
  const url = new URL(request.url ?? '/', `https://${request.headers.host}`);
  const RequestId = randomUUID();
  const send = (status: number, body: object) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const refuse = (status: number, Code: string, Message: string) =>
    send(status, { Error: { Code, Message, Type: 'Sender' }, RequestId });

  if (
    request.method !== 'GET' ||
    url.pathname !== '/' ||
    url.searchParams.get('Action') !== 'GetCallerIdentity'
  )
    return refuse(400, 'InvalidAction', 'Only GetCallerIdentity is served here');
  // A signature is for one region: that of another one's STS is not taken.
  const signedRegion = url.searchParams.get('X-Amz-Credential')?.split('/')[2];
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  );
  const principal =
    signedRegion === region ? await whoPresigned(url, headers, principals, new Date()) : undefined;
  if (principal === undefined) {
    return refuse(403, 'SignatureDoesNotMatch', 'The request signature does not match');
  }
  const { accountId: Account, arn: Arn, userId: UserId } = principal;
  send(200, {
    GetCallerIdentityResponse: {
      GetCallerIdentityResult: { Account, Arn, UserId },
      ResponseMetadata: { RequestId },
    },
  });
}
