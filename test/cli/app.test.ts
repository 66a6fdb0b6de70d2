import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildLambda } from '../../build.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import { readAppSettings } from '../../lambda/cli/io.ts';
import { newApp } from '../infra/synth.ts';
import { runNode } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'helper-app-'));
beforeAll(buildLambda);
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(contents: unknown): string {
  files += 1;
  const file = join(folder, `${files}.json`);
  writeFileSync(file, typeof contents === 'string' ? contents : JSON.stringify(contents));
  return file;
}

const demo = { clusters: [{ name: 'demo' }] };
const ecr = (fields: object) => ({ ...demo, secrets: [{ registries: [{ type: 'ecr', ...fields }] }] });
const many = {
  clusters: Array.from({ length: 120 }, (_, at) => ({ name: `a-cluster-of-a-long-name-${at}` })),
};
const file = (contents: unknown) => ({ settings: fileOf(contents) });

/** Values of `-c`, the error, and what throws it: the reader of the settings, or the construct. */
const wrong: [string, Record<string, string>, RegExp, 'settings' | 'construct'][] = [
  ['nothing', {}, /-c cluster=NAME\) or .* \(-c settings=FILE\); neither was given/, 'settings'],
  ['both', { cluster: 'demo', ...file(demo) }, /both were given/, 'settings'],
  ['no value', { cluster: '' }, /-c cluster= needs a value/, 'settings'],
  ['no name of a cluster', { cluster: 'a b' }, /clusters\[0\]\.name: "a b" is not/, 'settings'],
  ['no region', { cluster: 'demo', region: 'europe' }, /-c region=europe is not an AWS region/, 'settings'],
  ['no account', { cluster: 'demo', account: '12' }, /-c account=12 is not an AWS account id/, 'settings'],
  [
    'another account than the settings say',
    { account: '444455556666', ...file({ ...demo, accountId: '111122223333', region: 'eu-west-1' }) },
    /-c account=444455556666 is given, and the settings say 111122223333/,
    'settings',
  ],
  ['no address', { cluster: 'demo', alarmEmail: 'me' }, /alarmEmail: "me" is not an e-mail/, 'settings'],
  [
    'another address than the settings say',
    { alarmEmail: 'me@example.com', ...file({ ...demo, alarmEmail: 'you@example.com' }) },
    /-c alarmEmail=me@example.com is given, and the settings say you@example.com/,
    'settings',
  ],
  ['no file', { settings: '/nowhere.json' }, /\/nowhere\.json cannot be read \(ENOENT\)/, 'settings'],
  ['a file that is not JSON', file('{\n "clusters": [}'), /is not JSON/, 'settings'],
  [
    'an unknown field',
    file({ ...demo, cluster: 'x' }),
    /unknown field "cluster"; known are name, /,
    'settings',
  ],
  [
    'a wrong glob',
    file({ ...demo, secrets: [{ namespaces: { include: ['Te?m'] } }] }),
    /"Te\?m" is not/,
    'settings',
  ],
  [
    'a wrong ARN',
    file(ecr({ roleArn: 'arn:aws:iam::1:role/x' })),
    /roleArn: .* is not the ARN of a role/,
    'settings',
  ],
  ['a gap over 10 hours', file({ ...demo, schedule: 'rate(11 hours)' }), /more than 10 hours/, 'settings'],
  [
    'more than fits',
    file(many),
    /120 clusters and 0 entries .* take 600 resources, and 440 fit/,
    'construct',
  ],
  [
    'rbac "apply" in another region',
    { region: 'eu-west-1', ...file({ clusters: [{ name: 'demo', region: 'us-west-2', rbac: 'apply' }] }) },
    /cannot have rbac "apply": its region is us-west-2, and that of the stack is eu-west-1/,
    'construct',
  ],
  [
    'rbac "apply" in another account',
    {
      account: '111122223333',
      ...file({
        clusters: [
          {
            name: 'demo',
            roleArn: 'arn:aws:iam::444455556666:role/x',
            rbac: 'apply',
            accountId: '444455556666',
          },
        ],
      }),
    },
    /cannot have rbac "apply": its account is 444455556666/,
    'construct',
  ],
];

describe('the settings of the app', () => {
  it.each(wrong.filter(([, , , where]) => where === 'settings'))('%s: refused', (_, context, message) => {
    expect(() => readAppSettings((key) => context[key], {})).toThrow(message);
  });

  it('are one cluster by its name', () => {
    const { input, settings } = readAppSettings((key) => ({ cluster: 'demo' })[key], {});
    expect(input).toEqual(demo);
    expect(settings.name).toBe('ecr-registry-helper');
  });

  it.each([
    ['one cluster', { cluster: 'demo' }],
    ['a file', file(demo)],
  ])('have the address for alarms that is given beside %s', (_, context: Record<string, string>) => {
    const given: Record<string, string> = { ...context, alarmEmail: 'me@example.com' };
    const { input, settings } = readAppSettings((key) => given[key], {});
    expect(input).toEqual({ ...demo, alarmEmail: 'me@example.com' });
    expect(settings.alarmEmail).toBe('me@example.com');
  });

  it('go where the command line says, then where the CLI does', () => {
    const cli = { CDK_DEFAULT_REGION: 'eu-west-1', CDK_DEFAULT_ACCOUNT: '111122223333' };
    const env = (context: Record<string, string>) =>
      readAppSettings((key) => ({ cluster: 'demo', ...context })[key], cli).env;
    expect(env({})).toEqual({ region: 'eu-west-1', account: '111122223333' });
    expect(env({ region: 'us-west-2' })).toEqual({ region: 'us-west-2', account: '111122223333' });
  });

  it('go where the settings say, whatever account the CLI has', () => {
    const cli = { CDK_DEFAULT_REGION: 'us-west-2', CDK_DEFAULT_ACCOUNT: '444455556666' };
    const context: Record<string, string> = file({ ...demo, accountId: '111122223333', region: 'eu-west-1' });
    expect(readAppSettings((key) => context[key], cli).env).toEqual({
      account: '111122223333',
      region: 'eu-west-1',
    });
  });

  it('are refused without quoting a file that is not JSON', () => {
    const context: Record<string, string> = file('{ "password": "hunter2');
    expect(() => readAppSettings((key) => context[key], {})).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});

describe('the app', () => {
  const app = (context: Record<string, string>, env: NodeJS.ProcessEnv = {}) =>
    runNode('infra/app.ts', [], {
      ...env,
      CDK_CONTEXT_JSON: JSON.stringify(context),
      CDK_OUTDIR: join(folder, 'out'),
    });

  it.each(wrong.filter(([, , , where]) => where === 'construct'))('%s: refused', (_, context, message) => {
    const { input: settings, env } = readAppSettings((key) => context[key], {});
    expect(() => new EcrRegistryHelperStack(newApp(), 'Test', { settings, env })).toThrow(message);
  });

  it('more than fits: says so in one line and ends', async () => {
    const { code, stdout, stderr } = await app(file(many));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/120 clusters .* take 600 resources, and 440 fit in the stack; set "fleet": true/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('nothing: gives cdk bootstrap a place, and an error to every command that deploys', async () => {
    const place = { CDK_DEFAULT_ACCOUNT: '111122223333', CDK_DEFAULT_REGION: 'eu-west-1' };
    const { code } = await app({}, place);
    expect(code).toBe(0);
    const { artifacts } = JSON.parse(readFileSync(join(folder, 'out/manifest.json'), 'utf8'));
    expect(Object.keys(artifacts)).not.toContain('ecr-registry-helper');
    expect(artifacts['no-cluster-given'].environment).toBe('aws://111122223333/eu-west-1');
    const metadata = readFileSync(join(folder, 'out/no-cluster-given.metadata.json'), 'utf8');
    expect(metadata).toMatch(/"aws:cdk:error".*neither was given/s);
  });

  it('has one more stack for each other account and region of the settings', async () => {
    const { code, stderr } = await app({ settings: 'examples/fleet/settings.json' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(/error/i) });
    const { artifacts } = JSON.parse(readFileSync(join(folder, 'out/manifest.json'), 'utf8')) as {
      artifacts: Record<string, { type: string; environment: string }>;
    };
    const stacks = Object.entries(artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
    expect(Object.fromEntries(stacks.map(([id, { environment }]) => [id, environment]))).toEqual({
      'ecr-registry-helper': 'aws://111122223333/eu-west-1',
      'ecr-registry-helper-access-222233334444-eu-west-1': 'aws://222233334444/eu-west-1',
      'ecr-registry-helper-access-222233334444-us-east-1': 'aws://222233334444/us-east-1',
      'ecr-registry-helper-access-333344445555-eu-west-1': 'aws://333344445555/eu-west-1',
      'ecr-registry-helper-access-333344445555-us-east-1': 'aws://333344445555/us-east-1',
    });
  });
});
