import type { Dispatcher } from 'undici';
import type { SecretSeed } from '../../sandbox/kubernetes/seeds.ts';
import type { ServiceAccountSeed } from '../../sandbox/kubernetes/service-accounts.ts';
import type { Caller } from './callers.ts';
import type { KnownDifference } from './known-differences.ts';

/** One request; `{namespace}` in its path stands for the case's own namespace. */
export interface Call {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  /** Sent as JSON, a string as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the function. */
  readonly who?: Caller;
}

/** The answer of a server, with the headers that belong to the API. */
export interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** A call that takes something from the metadata of the answer before it, such as a uid. */
export type FollowUp = (metadata: Readonly<Record<string, string>>) => Call;

/** What somebody else writes into a secret of the case's namespace; `name` is the pull secret's if not given. */
export interface Seed extends Omit<SecretSeed, 'stringData' | 'time'> {
  readonly name?: string;
}

/** A service account of the case's namespace that somebody else makes; its name is `default` if not given. */
export interface AccountSeed extends ServiceAccountSeed {
  readonly name?: string;
}

/** What a case's namespace is like when the case begins. */
export interface NamespaceSeed {
  readonly labels?: Record<string, string>;
  readonly isTerminating?: boolean;
  /** The name of a quota of one secret, used up by another one than the pull secret. */
  readonly quota?: string;
}

/** One request to both servers and what has to come first. Every case has a namespace of its own. */
export interface Case {
  readonly title: string;
  readonly namespace?: NamespaceSeed;
  readonly before?: readonly (
    | Call
    | FollowUp
    | { readonly seed: Seed }
    | { readonly account: AccountSeed }
    /** Takes its managed fields off the pull secret. */
    | { readonly strip: true }
  )[];
  readonly send: Call | FollowUp;
  /** The code that the real server answers: two servers can agree for a wrong reason. */
  readonly code: number;
  /** A quirk of the real server's answer that the product reckons with: what its body has to match. */
  readonly quirk?: object;
  readonly known?: KnownDifference;
}
