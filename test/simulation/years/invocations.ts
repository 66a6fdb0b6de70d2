import { toTimestamp } from '../../sandbox/kubernetes/objects.ts';
import { MINUTE_MS } from './plan.ts';

/** An asynchronous invocation of the function, in the state that it is in. Times in ms since the year began. */
export interface Invocation {
  readonly at: number;
  readonly name: string;
  readonly event: object;
  /** When the run was due that all namespaces wait for; undefined for a run for some of them. */
  readonly dueAt: number | undefined;
  /** Of the function that was published, for the first run of a deployment. */
  readonly version?: number | undefined;
  /** Of the run that failed, where the queue brings it back. */
  readonly received?: number;
  /** How often Lambda itself has tried it. */
  readonly attempt: number;
}

/** As `infra/function.ts` deploys it: retries of Lambda, the delay of the queue, its visibility timeout, how often it gives. */
const LAMBDA_PAUSES_MS = [MINUTE_MS, 2 * MINUTE_MS];
const DELIVERY_DELAY_MS = 15 * MINUTE_MS;
const VISIBILITY_MS = 30 * MINUTE_MS;
const MOST_RECEIVES = 12;

/** Lambda's queue of asynchronous invocations, and the queue of failed runs behind it. */
export class Invocations {
  readonly deadLetters: Invocation[] = [];
  readonly #agenda: Invocation[] = [];
  readonly #waiting: Invocation[] = [];
  readonly #hasRetries: boolean;
  #isEnabled = true;

  constructor(hasRetries: boolean) {
    this.#hasRetries = hasRetries;
  }

  get nextAt(): number {
    return this.#agenda[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  start(invocation: Omit<Invocation, 'attempt'>): void {
    this.#add({ ...invocation, attempt: 1 });
  }

  take(): Invocation | undefined {
    const next = this.#agenda.shift();
    if (!next || this.#isEnabled || next.received === undefined) return next;
    this.#waiting.push(next);
    return undefined;
  }

  /** Whether the queue invokes the function: its messages wait while it does not. */
  enable(isEnabled: boolean, now: number): void {
    this.#isEnabled = isEnabled;
    if (isEnabled) for (const one of this.#waiting.splice(0)) this.#add({ ...one, at: now });
  }

  /** Takes an invocation that failed. @param timestamp of the record that goes to the queue */
  fail(invocation: Invocation, now: number, timestamp: string): void {
    if (!this.#hasRetries) return;
    const { received, attempt, at, event, name } = invocation;
    const pause = LAMBDA_PAUSES_MS[attempt - 1];
    if (received !== undefined) {
      if (received >= MOST_RECEIVES) this.deadLetters.push(invocation);
      else this.#add({ ...invocation, at: Math.max(now, at + VISIBILITY_MS), received: received + 1 });
    } else if (pause !== undefined) this.#add({ ...invocation, at: now + pause, attempt: attempt + 1 });
    else {
      const requestContext = { condition: 'RetriesExhausted', approximateInvokeCount: attempt };
      const body = JSON.stringify({ version: '1.0', timestamp, requestContext, requestPayload: event });
      const queued = { Records: [{ eventSource: 'aws:sqs', body }] };
      const retry = { name: `${name}, queued`, event: queued, dueAt: invocation.dueAt };
      this.#add({ ...retry, at: now + DELIVERY_DELAY_MS, received: 1, attempt });
    }
  }

  #add(invocation: Invocation): void {
    const after = this.#agenda.findIndex(({ at }) => at > invocation.at);
    this.#agenda.splice(after < 0 ? this.#agenda.length : after, 0, invocation);
  }
}

/** What the rule of the schedule sends. @param at milliseconds since the epoch */
export function scheduledEvent(at: number): object {
  return { source: 'aws.events', 'detail-type': 'Scheduled Event', time: toTimestamp(new Date(at)) };
}

/** What the rule for stored secrets sends. @param arn of the one that changed */
export function changedEvent(arn: string): object {
  return {
    source: 'aws.secretsmanager',
    'detail-type': 'Secret Label Updated',
    resources: [arn],
    detail: { labelUpdated: 'AWSCURRENT' },
  };
}
