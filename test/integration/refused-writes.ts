import type { HelperError } from '../../lambda/errors.ts';
import { forbiddenError, objectBusyError } from '../../lambda/kubernetes/api-error.ts';
import { unreachableError } from '../../lambda/kubernetes/transport.ts';
import type { Outcome } from '../../lambda/refresh/report.ts';
import { passwordCanary, secretKeyCanary } from '../sandbox/aws/canary.ts';
import { deniedByPolicy, deniedByWebhook } from '../sandbox/kubernetes/admission.ts';
import type { Fault, FaultyRequest } from '../sandbox/kubernetes/faults.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { serverBusyError, unauthorizedError, unexpectedAnswerError } from '../unit/expected-errors.ts';
import { applyRbac, FUNCTION_ROLE, SECRET } from './run.ts';

/** Something that keeps the secret of the namespace default from being written, while kube-public is well. */
export interface RefusedWrite {
  readonly title: string;
  readonly arrange: (cluster: KubernetesEmulator) => void;
  readonly outcome: Extract<Outcome, 'skipped' | 'blocked' | 'failed'>;
  /** What the report says of it; nothing of what is skipped. */
  readonly expected?: Pick<HelperError, 'problem' | 'fix'>;
  /** PATCHes of that namespace; more than one where it is tried again. Default 1. */
  readonly tries?: number | 'many';
}

/** Whether a request writes the secret of the namespace default. */
export const writesDefault = ({ method, path }: Pick<FaultyRequest, 'method' | 'path'>) =>
  method === 'PATCH' && path === `/api/v1/namespaces/default/secrets/${SECRET}`;

/** Answers each write of the namespace default with a fault. */
export function spoil(cluster: KubernetesEmulator, fault: Fault): void {
  cluster.fault((request) => (writesDefault(request) ? fault : undefined));
}

function always(
  title: string,
  fault: Fault,
  error: HelperError,
  tries?: number | 'many',
  outcome: RefusedWrite['outcome'] = 'failed',
): RefusedWrite {
  const arrange = (cluster: KubernetesEmulator) => spoil(cluster, fault);
  return { title, arrange, outcome, expected: error, ...(tries && { tries }) };
}

function admits(
  title: string,
  deny: Parameters<KubernetesEmulator['admission']['push']>[0],
  problem: string,
  remedy: string,
): RefusedWrite {
  const arrange = ({ admission }: KubernetesEmulator) =>
    void admission.push((request) => (request.namespace === 'default' ? deny(request) : undefined));
  return { title, arrange, outcome: 'blocked', expected: { problem, fix: remedy } };
}

const room = (name: string) => `Ask the owner of the namespace, or of ${name}, to allow it.`;
const status = (code: number, body?: object): Fault => ({
  kind: 'status',
  status: code,
  ...(body && { body }),
});
const failure = (code: number, reason: string, details: object): object => ({
  ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `no: ${passwordCanary}` },
  ...{ code, reason, details },
});

const echo = { reason: passwordCanary, message: passwordCanary, field: `data[${passwordCanary}]` };

/** Every answer of the API server by which a write does not come about. */
export const refusedWrites: readonly RefusedWrite[] = [
  {
    title: 'the namespace vanished after the list',
    arrange: (cluster) => {
      cluster.fault((request) => {
        if (writesDefault(request)) cluster.removeNamespace('default');
        return undefined;
      });
    },
    outcome: 'skipped',
  },
  {
    title: 'the namespace began to go away after the list',
    arrange: (cluster) => {
      cluster.fault((request) => {
        if (writesDefault(request)) cluster.addNamespace('default', { terminating: true });
        return undefined;
      });
    },
    outcome: 'skipped',
  },
  {
    title: 'a quota is full',
    arrange: ({ quotas }) => void quotas.set('default', { name: 'small', secrets: 0 }),
    outcome: 'blocked',
    expected: { problem: 'it was denied by the quota small', fix: room('small') },
  },
  admits(
    'a webhook denies it and echoes the object',
    ({ object }) => deniedByWebhook('guard.example.com', JSON.stringify(object)),
    'it was denied by the admission webhook guard.example.com',
    room('guard.example.com'),
  ),
  admits(
    'a webhook denies it by another code',
    ({ object }) => deniedByWebhook('guard.example.com', JSON.stringify(object), 400),
    'it was denied by the admission webhook guard.example.com',
    room('guard.example.com'),
  ),
  admits(
    'a policy denies it and echoes the object',
    (request) =>
      deniedByPolicy(request, {
        ...{ policy: 'no-secrets', binding: 'everywhere' },
        text: JSON.stringify(request.object),
      }),
    'it was denied by the admission policy no-secrets',
    room('no-secrets'),
  ),
  always(
    'it is forbidden for a reason that is not recognized',
    status(403, failure(403, 'Forbidden', { kind: 'secrets', name: SECRET })),
    forbiddenError('write', `secret default/${SECRET}`, applyRbac('demo')),
  ),
  always(
    'the server finds a field invalid',
    status(
      422,
      failure(422, 'Invalid', { causes: [{ reason: 'FieldValueInvalid', field: 'metadata.labels' }] }),
    ),
    unexpectedAnswerError(422, 'Invalid', ['metadata.labels']),
  ),
  always(
    'a proxy answers 403 with a page',
    { kind: 'html', status: 403 },
    unexpectedAnswerError(403, 'without a known reason', []),
  ),
  always(
    'a proxy answers 404 with a page',
    { kind: 'html', status: 404 },
    unexpectedAnswerError(404, 'without a known reason', []),
  ),
  always(
    'the server sends it elsewhere',
    { kind: 'status', status: 307, headers: { location: 'https://127.0.0.1:9/' } },
    unexpectedAnswerError(307, 'without a known reason', []),
  ),
  always(
    'the server refuses the request',
    status(400, failure(400, secretKeyCanary, { causes: [echo] })),
    unexpectedAnswerError(400, 'without a known reason', []),
  ),
  always(
    'the signature is refused twice',
    status(401),
    unauthorizedError('demo', 'eu-west-1', FUNCTION_ROLE, 'ecr-registry-helper'),
    2,
  ),
  always('the server is away', status(503), serverBusyError(503), 'many'),
  always('the server fails', status(500), serverBusyError(500), 'many'),
  always(
    'others write it all the time',
    status(409, failure(409, 'Conflict', { kind: 'secrets', name: SECRET })),
    objectBusyError(),
    'many',
    'blocked',
  ),
  always(
    'connections are cut before anything is done',
    { kind: 'reset', when: 'before' },
    unreachableError('SocketError'),
    'many',
  ),
  always('answers are never JSON', { kind: 'html', status: 200 }, unreachableError('BrokenAnswer'), 'many'),
];

/** RBAC without the rights for what a verb does. */
export function withoutVerb(cluster: KubernetesEmulator, verb: string): void {
  const [role, ...others] = cluster.manifest as { rules?: { resources: string[]; verbs: string[] }[] }[];
  const rules = role?.rules?.map((rule) => ({ ...rule, verbs: rule.verbs.filter((one) => one !== verb) }));
  cluster.manifest.splice(0, cluster.manifest.length, { ...role, rules }, ...others);
}

/** What the report says of a verb that RBAC denies on the secret of a namespace. */
export const deniedVerb = (verb: string, namespace: string) =>
  forbiddenError(verb, `secret ${namespace}/${SECRET}`, applyRbac('demo'));
