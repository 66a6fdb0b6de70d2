import { Agent } from 'undici';
import { cpuTimer, peakMemory, serveOrder } from '../e2e/function/child.ts';
import { type PatchTimes, patchTimer } from '../e2e/function/patch-times.ts';

/** What the loop replays: the handler's own list and PATCH as they were recorded, with another token in the body. */
export interface RawOrder {
  readonly endpoint: string;
  readonly caPem: string;
  readonly concurrency: number;
  readonly list: { readonly path: string; readonly headers: Record<string, string> };
  readonly patch: {
    /** What stands before and after the namespace. */
    readonly path: readonly [string, string];
    readonly headers: Record<string, string>;
    readonly body: string;
  };
}

export interface RawDone {
  readonly patches: number;
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly patchMs: PatchTimes;
}

interface Page {
  readonly metadata: { readonly continue?: string };
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}

/** What a plain program on undici's `request` has to do: list, then so many PATCHes at once, their answers unread. */
serveOrder(async ({ endpoint, caPem, concurrency, list, patch }: RawOrder): Promise<RawDone> => {
  const began = performance.now();
  const patches = patchTimer();
  const cpu = cpuTimer();
  // HTTP/2 costs this loop more CPU and gains it nothing
  const options = { connections: concurrency, pipelining: 1, allowH2: false };
  const agent = new Agent({ ...options, connect: { ca: caPem } });
  const names: string[] = [];
  let next: string | undefined;
  do {
    const path = next ? `${list.path}&continue=${encodeURIComponent(next)}` : list.path;
    const answer = await agent.request({ origin: endpoint, path, method: 'GET', headers: list.headers });
    const { metadata, items } = (await answer.body.json()) as Page;
    for (const item of items) names.push(item.metadata.name);
    next = metadata.continue;
  } while (next);

  const [before, after] = patch.path;
  const queue = names.values();
  const work = async () => {
    for (const name of queue) {
      const answer = await agent.request({
        origin: endpoint,
        path: before + name + after,
        method: 'PATCH',
        headers: patch.headers,
        body: patch.body,
      });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`PATCH in ${name} was answered ${answer.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const spent = { durationMs: performance.now() - began, cpuMs: cpu() };
  await agent.destroy();
  return { patches: names.length, ...spent, peakBytes: peakMemory(), patchMs: patches() };
});
