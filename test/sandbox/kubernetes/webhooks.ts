import type { AdmissionRequest } from './admission.ts';
import type { StatusError } from './status.ts';

/** A validating webhook that is called for every change of a secret of one namespace, dry runs included. */
export interface Webhook {
  readonly name: string;
  /** How long the API server waits for it. The request is dropped when its caller leaves meanwhile. */
  readonly answersAfterMs?: number;
  /** Why it refuses; undefined where it allows. */
  readonly verdict?: (request: AdmissionRequest) => StatusError | undefined;
}

/** Thrown where the API server waits for a webhook; the request is handled again when it has answered. */
export class WebhookPending extends Error {
  readonly ms: number;

  constructor(ms: number) {
    super(`a webhook answers after ${ms} ms`);
    this.name = 'WebhookPending';
    this.ms = ms;
  }
}
