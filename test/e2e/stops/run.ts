import { findSecrets } from '../../sandbox/aws/canary.ts';
import { invoke, type RunRequest } from '../function/invoke.ts';
import { COMPILE_CACHE } from '../world.ts';
import { type Account, clusterOf } from './account.ts';

/** Where a run is killed at a request: before the server acts on it, or after it did, but before it answers. */
export type Point = 'before' | 'after';

/** Chooses the request at which a run is killed, by its kind and its number from 1, as the requests arrive. */
export type Stop = { readonly point: Point; readonly isAt: (kind: string, nth: number) => boolean };

/** How one run of the bundle ended. */
export interface Run {
  /** The requests that arrived, to AWS and to the cluster, by {@link kindOf}. */
  readonly kinds: readonly string[];
  /** The kind of the request at which the run was killed. */
  readonly stoppedAt?: string;
  /** Of a run that was not killed. */
  readonly invocation?: RunRequest;
}

/**
 * Invokes the bundle in a process of its own and kills it with SIGKILL at the request that `stop` chooses. Requests
 * that arrive after that one are dropped, so that each stop leaves another state.
 * @throws {Error} if the output shows a secret
 */
export async function run(account: Account, event: object, stop?: Stop): Promise<Run> {
  const kinds: string[] = [];
  let stoppedAt: string | undefined;
  const kill = new AbortController();
  const cutAt = (kind: string): Point | undefined => {
    if (stoppedAt !== undefined) return 'before';
    kinds.push(kind);
    if (!stop?.isAt(kind, kinds.length)) return undefined;
    stoppedAt = kind;
    kill.abort();
    return stop.point;
  };
  let cut: Point | undefined;
  const faults = [
    account.aws.fail({
      times: Number.POSITIVE_INFINITY,
      when: ({ operation, detail }) => {
        cut = cutAt(detail ? `${operation} ${detail}` : operation);
        return cut === 'before';
      },
      with: { kind: 'reset', when: 'before' },
    }),
    // asked right after the other, of the same call
    account.aws.fail({
      times: Number.POSITIVE_INFINITY,
      when: () => cut === 'after',
      with: { kind: 'reset', when: 'after' },
    }),
  ];
  const release = clusterOf(account).fault(({ method, path, query }) => {
    const when = cutAt(kindOf(method, path, query));
    return when && { kind: 'reset', when };
  });
  try {
    const env = { ...COMPILE_CACHE, ...account.env };
    const ended = await invoke(event, env, { kill: kill.signal }).catch((fault: Error) => {
      if (stoppedAt === undefined) throw fault;
      return fault;
    });
    const shown = findSecrets(ended instanceof Error ? ended.message : JSON.stringify(ended));
    if (shown.length > 0) throw new Error(`the output shows ${shown.join(', ')}`);
    return {
      kinds,
      ...(stoppedAt !== undefined && { stoppedAt }),
      ...(!(ended instanceof Error) && { invocation: ended }),
    };
  } finally {
    for (const fault of faults) fault.release();
    release();
  }
}

/** Requests that differ in their namespace alone are of one kind. */
function kindOf(method: string, path: string, query: URLSearchParams): string {
  const force = query.has('force') ? ` force=${query.get('force')}` : '';
  return `${method} ${path.replace(/\/namespaces\/[^/]+/, '/namespaces/*')}${force}`;
}
