import { gzipSync } from 'node:zlib';

/** What the control plane of a cluster says of a request, as far as anybody here reads it. */
export interface AuditRecord {
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly name?: string;
    readonly apiGroup?: string;
    readonly apiVersion?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code: number };
  readonly responseObject?: unknown;
}

/** The audit record of `kubectl create namespace NAME`, but for what a test gives. */
export function created(name: string, given: Partial<AuditRecord> = {}): AuditRecord {
  return {
    stage: 'ResponseComplete',
    verb: 'create',
    requestURI: '/api/v1/namespaces?fieldManager=kubectl-create&fieldValidation=Strict',
    objectRef: { resource: 'namespaces', name, apiVersion: 'v1' },
    responseStatus: { code: 201 },
    responseObject: { kind: 'Namespace', apiVersion: 'v1', metadata: { name } },
    ...given,
  };
}

/** Where a batch comes from. */
export interface LogSource {
  readonly owner?: string;
  readonly cluster?: string;
  readonly logGroup?: string;
}

/** What CloudWatch Logs sends to a function: messages are sent as they are, records as JSON. */
export function logBatch(messages: readonly (string | object)[], source: LogSource = {}) {
  const { owner = '111122223333', cluster = 'demo', logGroup = `/aws/eks/${cluster}/cluster` } = source;
  return packed({
    messageType: 'DATA_MESSAGE',
    owner,
    logGroup,
    logStream: 'kube-apiserver-audit-0123456789abcdef',
    subscriptionFilters: ['new-namespaces'],
    logEvents: messages.map((message, at) => ({
      id: String(at).padStart(56, '0'),
      timestamp: Date.parse('2026-11-23T08:00:00Z') + at,
      message: typeof message === 'string' ? message : JSON.stringify(message),
    })),
  });
}

/** What CloudWatch Logs sends when a subscription is made. */
export function controlMessage() {
  return packed({
    messageType: 'CONTROL_MESSAGE',
    owner: 'CloudwatchLogs',
    logGroup: '',
    logStream: '',
    subscriptionFilters: [],
    logEvents: [{ id: '', timestamp: 0, message: 'CWL CONTROL MESSAGE: Checking health of destination' }],
  });
}

/** Anything in the wrapping of a batch. */
export function packed(value: unknown) {
  return { awslogs: { data: gzipSync(JSON.stringify(value)).toString('base64') } };
}
