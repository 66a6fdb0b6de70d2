import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Principal, type SignedRequest, scopeOf, whoSigned } from '../signatures.ts';
import { commonErrors, sendBody, sendError } from './answers.ts';
import type { AwsCall, AwsFaults } from './faults.ts';
import type { Identities } from './identities.ts';
import { type Operation, type Service, ServiceError } from './service.ts';

/** What the emulated AWS knows and is made of. */
export interface AwsState {
  services: Service[];
  identities: Identities;
  faults: AwsFaults;
  calls: AwsCall[];
  now: () => Date;
}

/** Reads a request, says who signed it, and answers for the service that it is for. Never rejects. */
export async function handle(
  incoming: IncomingMessage,
  response: ServerResponse,
  state: AwsState,
): Promise<void> {
  const requestId = randomUUID();
  // SDKs correct their clock by this header when a signature is refused.
  response.setHeader('Date', state.now().toUTCString());
  response.setHeader('x-amzn-RequestId', requestId);
  try {
    await dispatch(await readRequest(incoming), response, requestId, state);
  } catch (error) {
    if (!response.headersSent) response.writeHead(500);
    response.end(`The emulator failed: ${String(error)}`);
  }
}

async function dispatch(
  request: SignedRequest,
  response: ServerResponse,
  requestId: string,
  state: AwsState,
): Promise<void> {
  const service = addressed(request, state.services);
  const operation = service?.read(request);
  if (service === undefined || operation === undefined) {
    response.writeHead(404).end();
    return;
  }

  const call: AwsCall = {
    service: service.name,
    operation: operation.name,
    region: scopeOf(request.headers)?.region ?? '',
    principalArn: undefined,
    at: state.now(),
    detail: operation.detail,
    outcome: 'ok',
  };
  state.calls.push(call);
  try {
    const caller = await authorize(request, service, operation, state);
    call.principalArn = caller.arn;
    const asked = { principal: caller, region: call.region, now: state.now() };
    const answer = () => service.answer(operation, asked);
    if (await disturb(call, { service, response, answer }, state.faults)) return;
    sendBody(response, service.protocol, await answer());
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    call.outcome = error.code;
    sendError(response, service.protocol, requestId, error);
  }
}

/** By the prefix of the path, or, where one endpoint is given for all services, by the signature. */
function addressed(request: SignedRequest, services: readonly Service[]): Service | undefined {
  const signedFor = scopeOf(request.headers)?.service;
  return (
    services.find(({ name }) => request.path.split('/')[1] === name) ??
    services.find(({ signingName }) => signingName === signedFor)
  );
}

async function readRequest(incoming: IncomingMessage): Promise<SignedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
  );
  return { method: incoming.method ?? '', path, query, headers, body: Buffer.concat(chunks) };
}

/** Who calls. Throws the service's error for a signature that is missing, unknown, ended or wrong, and a denial. */
async function authorize(
  request: SignedRequest,
  service: Service,
  operation: Operation,
  { identities, now }: AwsState,
): Promise<Principal> {
  const { protocol } = service;
  const scope = scopeOf(request.headers);
  if (scope === undefined) throw commonErrors.unsigned(protocol);
  const known = identities.lookUp(scope.accessKeyId);
  if (known === 'unknown') throw commonErrors.unknownKey(protocol);
  if (known === 'expired') throw commonErrors.expiredKey(protocol);
  const principal = await whoSigned(request, identities.principals(), now());
  if (principal === undefined || scope.service !== service.signingName)
    throw commonErrors.badSignature(protocol);
  const action = `${service.name}:${operation.name}`;
  if (identities.isDenied(principal, action)) {
    throw commonErrors.denied(protocol, principal.arn, action, operation.detail ?? '*');
  }
  return principal;
}

const DRIP_MS = 5;

/** Does what a planned fault says; true when the call has had its answer thereby. */
async function disturb(
  call: AwsCall,
  { service, response, answer }: { service: Service; response: ServerResponse; answer: () => unknown },
  faults: AwsFaults,
): Promise<boolean> {
  const taken = faults.take(call);
  if (taken === undefined) return false;
  const { fault } = taken;
  call.outcome = fault.kind;
  switch (fault.kind) {
    case 'error':
      throw new ServiceError(fault.code, fault.status, fault.message ?? 'Injected by a test');
    case 'throttle':
      throw commonErrors.throttled(service.protocol);
    case 'drip': {
      response.writeHead(200, { 'Content-Type': 'application/x-amz-json-1.1' });
      const drops = setInterval(() => response.write(' '), DRIP_MS);
      response.once('close', () => clearInterval(drops));
      return true;
    }
    case 'reset':
      if (fault.when === 'after') await answer();
      response.socket?.destroy();
      return true;
    case 'stall':
      await taken.released;
      return false;
    case 'body':
      response.writeHead(fault.status, { 'Content-Type': fault.contentType ?? 'text/html' }).end(fault.body);
      return true;
  }
}
