import { mintPassword } from '../sandbox/aws/canary.ts';
import type { AwsFault as AwsAnswer } from '../sandbox/aws/faults.ts';
import type { AwsEmulator } from '../sandbox/aws/server.ts';
import type { Fault as ApiError, FaultyRequest } from '../sandbox/kubernetes/faults.ts';
import { applyChange } from './changes.ts';
import type { Fleet, Ship } from './fleet.ts';
import { OLD_AUTH } from './holdings.ts';
import type { MachineTime } from './machine-time.ts';
import { applyOutage } from './outages.ts';
import type { ApiFault, AwsFault, Fault, Schedule, WorldChange } from './schedule.ts';

/** What one fault of a schedule did. */
export interface Hit {
  readonly fault: Fault;
  readonly cluster?: string;
  readonly namespace?: string | undefined;
  /** The region, role, cluster or secret that a call to AWS was about. */
  readonly about?: string;
}

/** The faults of a schedule while they are set. */
export interface Trouble {
  readonly hits: readonly Hit[];
  /** Resolves when a write is held. */
  readonly held: Promise<void>;
  /** Lets the held write go on. */
  release(): void;
  /** Ends all faults; the clusters are not repaired thereby. */
  end(): void;
}

/** Of a page that is not longer than a client reads. */
const MOST_ITEMS = 250;
/** How long a late answer takes. */
const LATE_MS = 20_000;

/** Sets the faults of a schedule. */
export function makeTrouble(
  schedule: Pick<Schedule, 'faults' | 'deadline' | 'heldAt'>,
  fleet: Fleet,
  aws: AwsEmulator,
  time: MachineTime,
): Trouble {
  const hits: Hit[] = [];
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const never = Promise.withResolvers<void>();
  const endings: (() => void)[] = [];
  let goOn: (() => void) | undefined;
  const { faults, deadline, heldAt } = schedule;

  for (const fault of faults) {
    if (fault.on === 'cluster') {
      applyOutage(fault, fleet.ship(fault.cluster), aws);
      hits.push({ fault, cluster: fault.cluster });
    } else if (fault.on === 'aws') endings.push(spoilAws(fault, aws, time, hits));
  }
  let requests = 0;
  for (const ship of fleet.ships.values()) {
    let writes = 0;
    const changes = faults.filter(
      (one): one is WorldChange => one.on === 'world' && one.cluster === ship.name,
    );
    const { endpoint: origin } = ship.api;
    const spoilers = faults
      .filter((one): one is ApiFault => one.on === 'api' && one.cluster === ship.name)
      .map((fault) => spoiler(fault, never.promise, time, hits));
    const rule = (request: FaultyRequest): ApiError | undefined => {
      requests += 1;
      const isWrite = request.method === 'PATCH';
      if ('atRequest' in deadline && requests === deadline.atRequest) time.pass(time.horizon - time.now());
      if (isWrite) writes += 1;
      for (const fault of changes) {
        if (!isWrite || fault.atWrite !== writes) continue;
        applyChange(fault, ship);
        hits.push({ fault, cluster: ship.name, namespace: fault.namespace });
      }
      const namespace = namespaceOf(request);
      if (heldAt?.cluster === ship.name && heldAt.namespace === namespace && isWrite && !goOn) {
        goOn = time.hold({ ...request, origin });
        held.resolve();
        return { kind: 'stall', until: released.promise };
      }
      for (const spoil of spoilers) {
        const answer = spoil(request, ship);
        if (answer) return answer;
      }
      return undefined;
    };
    endings.push(ship.api.fault(rule));
  }
  const release = () => {
    goOn?.();
    goOn ??= () => undefined;
    released.resolve();
  };
  return {
    hits,
    held: held.promise,
    release,
    end: () => {
      release();
      never.resolve();
      for (const end of endings) end();
    },
  };
}

function namespaceOf({ path }: FaultyRequest): string | undefined {
  return /\/namespaces\/([^/]+)\/secrets\//.exec(path)?.[1];
}

function spoiler(fault: ApiFault, never: Promise<void>, time: MachineTime, hits: Hit[]) {
  let seen = 0;
  return (request: FaultyRequest, ship: Ship): ApiError | undefined => {
    const namespace = namespaceOf(request);
    const verb = request.method === 'GET' && namespace === undefined ? 'LIST' : request.method;
    if (verb !== fault.verb || (fault.namespace && fault.namespace !== namespace)) return undefined;
    seen += 1;
    if (seen < fault.from || seen >= fault.from + fault.times) return undefined;
    hits.push({ fault, cluster: ship.name, namespace });
    if (fault.what === 'stall') time.hold({ ...request, origin: ship.api.endpoint });
    return answerOf(fault, never);
  };
}

function answerOf({ what, retryAfter, offset }: ApiFault, never: Promise<void>): ApiError {
  const headers: Record<string, string> =
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  switch (what) {
    case 'html-502':
      return { kind: 'html', status: 502 };
    case 'html-200':
      return { kind: 'html', status: 200 };
    case 'reset-before':
    case 'reset-after':
    case 'reset-body':
      return {
        kind: 'reset',
        when: what === 'reset-before' ? 'before' : what === 'reset-after' ? 'after' : 'body',
      };
    case 'truncated':
      return { kind: 'truncated' };
    case 'oversized':
      return { kind: 'oversized', limit: MOST_ITEMS };
    case 'stall':
      return { kind: 'stall', until: never };
    case 'broken-200':
    case 'broken-422':
      return { kind: 'status', status: Number(what.slice(-3)), body: brokenAround(OLD_AUTH, offset) };
    case '410': {
      const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410 };
      return { kind: 'status', status: 410, body: status };
    }
    case '409': {
      const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Conflict', code: 409 };
      return { kind: 'status', status: 409, body: status };
    }
    default:
      return { kind: 'status', status: Number(what), headers };
  }
}

/** JSON that echoes a docker config and stops being JSON at that offset. */
export function brokenAround(auth: string, offset: number): string {
  const config = JSON.stringify({ auths: { host: { auth: auth.slice(0, 300) } } });
  const text = JSON.stringify({ kind: 'Status', message: config, code: 422, object: { data: { x: auth } } });
  return `${text.slice(0, offset)}\u0001${text.slice(offset, offset + 200)}`;
}

function spoilAws(fault: AwsFault, aws: AwsEmulator, time: MachineTime, hits: Hit[]): () => void {
  let seen = 0;
  const planned = aws.fail({
    operation: fault.operation,
    times: Number.POSITIVE_INFINITY,
    when: ({ region, detail }) => {
      // its answer names the registry of one region
      if (fault.what === 'nearly-expired' && region !== 'eu-west-1') return false;
      seen += 1;
      if (seen < fault.from || seen >= fault.from + fault.times) return false;
      hits.push({ fault, about: detail ?? region });
      if (fault.what === 'stall') time.stall();
      if (fault.what === 'late') time.pass(Math.min(LATE_MS, time.horizon - time.now()));
      return fault.what !== 'late';
    },
    with: awsAnswer(fault, aws),
  });
  return () => planned.release();
}

function awsAnswer({ what, operation }: AwsFault, aws: AwsEmulator): AwsAnswer {
  const body = (text: string): AwsAnswer => ({
    kind: 'body',
    status: 200,
    body: text,
    contentType: operation === 'AssumeRole' ? 'text/xml' : 'application/x-amz-json-1.1',
  });
  const token = (secondsLeft: number) =>
    body(
      JSON.stringify({
        authorizationData: [
          {
            authorizationToken: Buffer.from(`AWS:${mintPassword('eu-west-1', what, new Date(0))}`).toString(
              'base64',
            ),
            expiresAt: Math.floor(aws.now().getTime() / 1_000) + secondsLeft,
            proxyEndpoint: 'https://111122223333.dkr.ecr.eu-west-1.amazonaws.com',
          },
        ],
      }),
    );
  const isToken = operation === 'GetAuthorizationToken';
  switch (what) {
    case 'throttle':
    case 'reset':
    case 'stall':
      return { kind: what };
    case 'error':
      return { kind: 'error', code: 'InternalFailure', status: 500 };
    case 'denied':
      return { kind: 'error', code: 'AccessDeniedException', status: 400, message: `not for ${OLD_AUTH}` };
    case 'html':
      return { kind: 'body', status: 503, body: '<html><body>busy</body></html>' };
    case 'truncated':
      return body(`{"authorizationData":[{"authorizationToken":"${OLD_AUTH.slice(0, 60)}`);
    case 'empty':
      return body(operation === 'AssumeRole' ? '<AssumeRoleResponse/>' : '{}');
    case 'expired':
      return isToken ? token(-10) : body('{}');
    case 'nearly-expired':
      return isToken ? token(90) : { kind: 'throttle' };
    case 'late':
      return { kind: 'throttle' };
  }
}
