import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildLambda } from '../../build.ts';
import { cli } from '../cli/cli.ts';
import { missedBy } from '../sandbox/fleet-run.ts';

beforeAll(async () => void (await buildLambda()));
const children = new Set<ReturnType<typeof sandbox>>();
afterAll(() => {
  for (const child of children) child.kill();
});

function sandbox(...args: string[]) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_')));
  const child = spawn(process.execPath, ['test/sandbox/main.ts', ...args], { env });
  children.add(child);
  return child;
}

/** What the sandbox prints until it serves. */
async function served(child: ReturnType<typeof sandbox>): Promise<string> {
  let said = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    said += chunk;
    if (said.includes('# What the function logs follows.\n')) return said;
  }
  throw new Error(`the sandbox ended: ${said}`);
}

describe('npm run sandbox -- --serve --broken', () => {
  test.for([
    ['rbac', 1, /^fail: right: .*\n(?:.*\n)*? {5}npm run -s rbac -- -c cluster=demo --cluster demo \|/m],
    ['rule', 1, /^fail: schedule: .*\n {2}rule .*\n {2}-> .*:\n {5}aws events enable-rule /m],
    [
      'token',
      1,
      /^fail: token: could not get an ECR authorization token in eu-west-1 \(AccessDeniedException\)\n/m,
    ],
    ['blocked', 4, /^blocked: .*"vault-agent"\n {2}shop\/ecr-docker-creds\n {2}-> /m],
    ['webhook', 1, /^fail: apply: .*secrets\.example\.com/m],
  ] as const)('%s is found by the command that it prints', async ([broken, code, found]) => {
    const child = sandbox('--serve', '--broken', broken);
    const said = await served(child);
    const env = Object.fromEntries(
      [...said.matchAll(/\b(AWS_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
    );
    const [, command = ''] = / find it: npm run -s cli -- (.+)\n/.exec(said) ?? [];
    const ended = await cli(command.split(' '), env);
    expect(ended.stdout).toMatch(found);
    expect(ended.code).toBe(code);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test.for(['--serve --broken x', '--broken rbac', '--serve --broken'])('%s is wrong usage', async (args) => {
    const child = sandbox(...args.split(' '));
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(code).toBe(2);
    expect(stderr).toContain('usage: npm run sandbox [-- --serve [--broken rbac|rule|token|blocked|webhook]');
  });
});

describe('npm run sandbox -- --fleet', () => {
  test('ends with 0 when it showed one cluster that is down, and the others fresh', async () => {
    const child = sandbox('--fleet');
    const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(stdout).toContain('as it should be: one cluster is down and named, and all others are fresh');
    expect(code).toBe(0);
  });

  test('misses what a run does not show', () => {
    const items = ['a', 'b'].map((id) => ({ action: 'refresh' as const, clusters: [id] as const }));
    const discovery = {
      ok: true,
      action: 'discover' as const,
      startedAt: '',
      durationMs: 1,
      items,
      problems: [],
    };
    const results = [
      { id: 'a', ok: true },
      { id: 'b', ok: false, reason: 'down' },
    ];
    const run = { discovery, results, error: new Error('b: down') };
    expect(missedBy(run, 'b')).toEqual([]);
    expect(missedBy({ ...run, error: undefined }, 'b')).toEqual(['the run fails by it']);
    expect(missedBy(run, 'a')).toHaveLength(3);
    expect(missedBy({ ...run, discovery: { ...discovery, ok: false } }, 'b')).toHaveLength(1);
  });
});
