import { describe, expect, it } from 'vitest';
import type { RunRequest } from '../../lambda/request.ts';
import { hostileServers } from './hostile-servers.ts';
import { clusterOf, deploy } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

/** More requests than this take the time and memory of others. */
const MOST_REQUESTS = 500;
const CONTROL = /(?!\n)[\p{Cc}\u202a-\u202e]/u;

const settings = {
  clusters: [{ name: 'hostile' }, { name: 'sound' }],
  secrets: [{ serviceAccounts: ['default'] }],
  cleanup: true,
};

describe('an API server that answers', () => {
  it.each(hostileServers)('$title ends its own cluster', async ({ rule }) => {
    const world = await deploy(settings);
    const hostile = clusterOf(world, 'hostile');
    clusterOf(world, 'sound').serviceAccounts.put('default', 'default', {});
    hostile.fault(rule);
    const run = async (invocation: Omit<RunRequest, 'origin'>) => {
      const before = hostile.requests.length;
      const asked: RunRequest = { origin: 'manual', ...invocation };
      const { value, error, output } = await refreshTimed(world, { clock: new MovedClock() }, asked);
      expect(error).toBeUndefined();
      const shown = JSON.stringify(value);
      expect(JSON.stringify([value, output])).not.toMatch(/InternalError|unexpected /);
      expect(output).not.toMatch(CONTROL);
      expect(JSON.parse(shown)).toMatchObject({ ok: false });
      expect(shown.replace(/\\u00[01]|\\[bfrt]/g, '\u0007')).not.toMatch(CONTROL);
      expect(shown.length).toBeLessThan(100_000);
      expect(hostile.requests.length - before).toBeLessThan(MOST_REQUESTS);
      return value;
    };
    const both = {
      clusters: [
        { id: 'hostile', ok: false },
        { id: 'sound', ok: true },
      ],
    };
    expect(await run({ action: 'plan' })).toMatchObject(both);
    expect(await run({ action: 'refresh' })).toMatchObject(both);
    expect(await run({ action: 'status' })).toMatchObject(both);
    await run({ action: 'cleanup', clusters: ['hostile'], confirm: 'hostile', all: true });
    const { findings } = (await run({ action: 'doctor' })) as unknown as {
      findings: { object: string; result: string }[];
    };
    const of = (id: string) => findings.filter(({ object }) => object.endsWith(`cluster ${id}`));
    expect(of('hostile').some(({ result }) => result === 'fail')).toBe(true);
    expect(of('sound').map(({ result }) => result)).toEqual(of('sound').map(() => 'pass'));
  });
});
