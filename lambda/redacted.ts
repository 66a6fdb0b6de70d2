import { inspect } from 'node:util';

const MASK = '[redacted]';

/**
 * A value that may not be shown: a token, a key, a presigned URL, a docker config.
 * Printing, logging, interpolating or serialising it gives `[redacted]`; only `reveal` hands it out.
 */
export class Redacted {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one call that needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
