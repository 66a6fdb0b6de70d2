import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Refusal } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { clusterOf, holders, NAMESPACES, SECRET } from '../integration/run.ts';
import { FUNCTION, type World } from '../sandbox/world.ts';
import { built, cli, deployFunction, temporaryFile, yourEnv } from './cli.ts';

const ESCAPE = '\u001b[';

/** What a world is like before, and what a person has in the environment beside the usual. */
type Prepare = (world: World) => NodeJS.ProcessEnv;
const nothing: Prepare = () => ({});
const first =
  (work: (aws: World['aws']) => unknown): Prepare =>
  ({ aws }) => {
    work(aws);
    return {};
  };
const denied = (action: string) => first((aws) => aws.deny(`arn:aws:iam::${aws.accountId}:user/you`, action));

const YOU = 'arn:aws:iam::111122223333:role/you';
const profile = (config: string) => ({ AWS_CONFIG_FILE: temporaryFile(config) });

const json = <Of>(stdout: string) => JSON.parse(stdout) as Of;
const invocations = ({ aws }: World) => aws.calls.filter(({ operation }) => operation === 'InvokeFunction');

describe('status', () => {
  it('is JSON alone on stdout for programs, a table for people, and tells fresh from stale by its exit code', async () => {
    const world = await deployFunction();
    const env = yourEnv(world);
    const stale = await cli(['status', '--json'], env);
    expect(stale.code).toBe(3);
    expect(json<StatusReport>(stale.stdout)).toMatchObject({
      ok: false,
      action: 'status',
      clusters: [{ id: 'demo', counts: { missing: NAMESPACES.length } }],
    });
    expect(await cli(['refresh'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok: refresh/),
    });

    const fresh = await cli(['status', '--json'], env);
    expect({ code: fresh.code, ok: json<StatusReport>(fresh.stdout).ok }).toEqual({ code: 0, ok: true });
    const short = await cli(['status'], env);
    expect(short.stdout).toMatch(/^ok: status, in .*\n\ncluster demo: 4 fresh\n$/);
    const table = await cli(['status', '--verbose'], env);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^ok: status/);
    for (const namespace of NAMESPACES) {
      expect(table.stdout).toMatch(
        new RegExp(`^${namespace} +${SECRET} +fresh +\\S+ m?s +in 11\\.9 h$`, 'm'),
      );
    }
    expect(table.stderr).toBe(`invoking the function ${FUNCTION}\n`);
  });

  it('is plain where it is no terminal, coloured by FORCE_COLOR', async () => {
    const env = yourEnv(await deployFunction());
    const plain = await cli(['status'], env);
    expect(plain.stdout + plain.stderr).not.toContain(ESCAPE);
    expect((await cli(['status'], { ...env, FORCE_COLOR: '1' })).stdout).toContain(`${ESCAPE}31m`);
    const colourless = await cli(['status', '--json'], { ...env, FORCE_COLOR: '1' });
    expect(json<StatusReport>(colourless.stdout).action).toBe('status');
  });

  it('is narrowed by clusters and namespaces', async () => {
    const env = yourEnv(await deployFunction({ clusters: [{ name: 'one' }, { name: 'two' }] }));
    const { stdout } = await cli(
      [
        'status',
        '--json',
        '--cluster',
        'two',
        '--namespaces',
        'default,kube-public',
        '--namespaces',
        'kube-system',
      ],
      env,
    );
    const { clusters } = json<StatusReport>(stdout);
    expect(clusters.map(({ id }) => id)).toEqual(['two']);
    expect(clusters[0]?.secrets.map(({ namespace }) => namespace).sort()).toEqual([
      'default',
      'kube-public',
      'kube-system',
    ]);
  });
});

describe('the other actions', () => {
  it('plan shows what a refresh would do, and writes nothing', async () => {
    const world = await deployFunction();
    const { code, stdout } = await cli(['plan'], yourEnv(world));
    expect({ code, held: holders(clusterOf(world)) }).toEqual({ code: 0, held: [] });
    expect(stdout).toMatch(/^ok: plan \(nothing was written\)/);
    expect(stdout).toMatch(/^cluster demo: 4 created, in /m);
  });

  it('refresh ends with 4 where a namespace is blocked, and says by whom and what to do', async () => {
    const world = await deployFunction();
    clusterOf(world).putSecret('default', SECRET, { manager: 'vault-agent' });
    const { code, stdout } = await cli(['refresh'], yourEnv(world));
    expect(code).toBe(4);
    expect(stdout).toMatch(/^blocked: .*vault-agent.*\n {2}default\/ecr-docker-creds\n {2}-> /m);
  });

  it('refresh ends with 1 where something failed', async () => {
    const world = await deployFunction();
    world.aws.deny(world.aws.principal.arn, 'ecr:GetAuthorizationToken');
    const { code, stdout } = await cli(['refresh'], yourEnv(world));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^not ok: refresh/);
    expect(stdout).toMatch(/^ {2}secret ecr-docker-creds\n {2}-> Allow ecr:GetAuthorizationToken/m);
  });

  it('doctor says whose rights it tested', async () => {
    const world = await deployFunction();
    const { stdout } = await cli(['doctor'], yourEnv(world));
    expect(stdout).toMatch(/doctor, in .*, as arn:aws:sts::111122223333:assumed-role\/ecr-registry-helper\//);
    expect(stdout).toMatch(/^secrets of cluster demo: 4 missing$/m);
    expect((await cli(['doctor', '--verbose'], yourEnv(world))).stdout).toMatch(/^pass settings: /m);
  });

  it('cleanup shows what would go, and then removes it', async () => {
    const world = await deployFunction({ clusters: [{ name: 'demo' }], cleanup: true });
    const env = yourEnv(world);
    await cli(['refresh'], env);
    const dry = await cli(['cleanup', '--cluster', 'demo', '--all', '--dry-run'], env);
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('4 would be removed') });
    expect(dry.stdout).toMatch(/^default +secret ecr-docker-creds$/m);
    expect(holders(clusterOf(world))).toEqual(NAMESPACES);
    const unknown = await cli(['cleanup', '--cluster', 'demo', '--secret', 'none'], env);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('no secret "none"') });
    const done = await cli(['cleanup', '--cluster', 'demo', '--all', '--secret', 'ecr-docker-creds'], env);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('4 removed') });
    expect(holders(clusterOf(world))).toEqual([]);
  });

  it('is found by the keys and the region of a profile, which beat keys of the environment', async () => {
    const { AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...env } = yourEnv(await deployFunction());
    const others = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c' };
    const file = temporaryFile(
      `[ops]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`,
    );
    const ended = await cli(['plan', '--profile', 'ops'], {
      ...env,
      ...others,
      AWS_SHARED_CREDENTIALS_FILE: file,
      AWS_CONFIG_FILE: temporaryFile(`[profile ops]\nregion = ${AWS_REGION}\n`),
    });
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok: plan/) });
    expect(ended.stderr).toBe(`invoking the function ${FUNCTION}\n`);
  });

  it('invoke sends any event, as JSON or a file', async () => {
    const env = yourEnv(await deployFunction());
    const inline = await cli(['invoke', '--json', '{"action":"plan","namespaces":["default"]}'], env);
    expect(json<Report>(inline.stdout)).toMatchObject({ action: 'plan', clusters: [{ created: 1 }] });
    const file = await cli(['invoke', '--json', 'test/events/scheduled.json'], env);
    expect(json<Report>(file.stdout)).toMatchObject({ action: 'refresh', ok: true });
    const piped = (event: string) =>
      cli(['invoke', '--json', '-'], env, undefined, { stdin: Readable.from([event]) });
    const { stdout } = await piped('{"action":"plan","namespaces":["default"]}');
    expect(json<Report>(stdout)).toMatchObject({ action: 'plan', clusters: [{ refreshed: 1 }] });
    expect(await piped('')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: the event is not JSON/),
    });
  });
});

describe('what the function refuses', () => {
  it.each<[string[], RegExp]>([
    [['invoke', '{"action":"nope"}'], /^error: event: action: unknown action "nope"; expected one of /m],
    [['status', '--cluster', 'far'], /^error: the settings cover no cluster "far"; known are demo\n/m],
    [['plan', '--namespaces', 'shop'], /^error: the settings cover no namespace "shop"; covered are /m],
    [
      ['cleanup', '--cluster', 'far'],
      /^error: --cluster "far" is not a cluster; give the id of the one to clean up, of demo\n/m,
    ],
  ])('%j is wrong usage, and no failed run', async (args, said) => {
    const world = await deployFunction({
      clusters: [{ name: 'demo' }],
      secrets: [{ namespaces: { include: ['default'] } }],
      cleanup: true,
    });
    const { code, stdout, stderr } = await cli(args, yourEnv(world));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(said);
  });
});

describe('what stands in the way', () => {
  it.each<[string, string[], Prepare, RegExp]>([
    [
      'another function',
      ['status', '--function', 'nope'],
      nothing,
      /there is no function nope in eu-west-1\nCorrect --function/,
    ],
    [
      'another stack',
      ['status', '--stack', 'nope'],
      nothing,
      /there is no stack nope in eu-west-1\nGive its name by --stack/,
    ],
    [
      'a stack of something else',
      ['status', '--stack', 'vpc'],
      first((aws) => aws.stacks.set('vpc', {})),
      /vpc has no output FunctionName/,
    ],
    [
      'a function of something else',
      ['status', '--function', 'hello'],
      first((aws) => aws.functions.set('hello', async () => 'hi')),
      /unexpected response of the function/,
    ],
    [
      'no right to invoke',
      ['status'],
      denied('lambda:InvokeFunction'),
      /Allow lambda:InvokeFunction on it to your own identity/,
    ],
    [
      'no right to find the stack',
      ['status'],
      denied('cloudformation:DescribeStacks'),
      /Allow cloudformation:DescribeStacks on it/,
    ],
    [
      'no credentials',
      ['status'],
      () => ({ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }),
      /no valid AWS credentials: there are none\nName another profile by --profile\. List the profiles: aws configure list-profiles$/m,
    ],
    [
      'credentials that AWS does not know',
      ['status'],
      () => ({ AWS_ACCESS_KEY_ID: 'AKIANOBODY' }),
      /no valid AWS credentials in the environment: AWS does not know the access key\nSee where its keys are, and replace them: aws configure list\n/,
    ],
    [
      'keys whose session is over',
      ['status'],
      ({ aws }) => {
        const { accessKeyId, secretAccessKey, sessionToken } = aws.addSession(YOU, 'you', -1);
        return {
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_SESSION_TOKEN: sessionToken,
        };
      },
      /no valid AWS credentials in the environment: the session token expired\nSee where its keys are, and replace them: aws configure list\n/,
    ],
    [
      'a wrong secret key',
      ['status'],
      () => ({ AWS_SECRET_ACCESS_KEY: 'wrong' }),
      /no valid AWS credentials in the environment: AWS rejected the signature\n/,
    ],
    [
      'a profile that is not there',
      ['status', '--profile', 'nope'],
      nothing,
      /no valid AWS credentials for profile nope: there are none\nName another profile by --profile\. List the profiles: aws /,
    ],
    [
      'a profile whose SSO session expired',
      ['status', '--profile', 'ops'],
      () => ({
        HOME: '/nowhere',
        ...profile(
          '[profile ops]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = r\n[sso-session s]\nsso_start_url = https://x\nsso_region = eu-west-1\n',
        ),
      }),
      /no valid AWS credentials for profile ops: the SSO session expired\nRun: aws sso login --profile ops\n/,
    ],
    [
      'a profile of aws login that never signed in',
      ['status', '--profile', 'me'],
      () => profile('[profile me]\nlogin_session = arn:aws:iam::111122223333:user/me\n'),
      /no valid AWS credentials for profile me: the session of aws login expired\nRun: aws login --profile me\n/,
    ],
    [
      'a profile whose role wants an MFA code',
      ['status', '--profile', 'mfa'],
      () =>
        profile(
          `[profile mfa]\nrole_arn = ${YOU}\nsource_profile = mfa\nmfa_serial = x\naws_access_key_id = a\naws_secret_access_key = b\n`,
        ),
      /no valid AWS credentials for profile mfa: its role requires an MFA code\n/,
    ],
    ['no region', ['status'], () => ({ AWS_REGION: undefined }), /the AWS region is missing\nGive --region/],
  ])('%s', async (_, args, prepare, said) => {
    const world = await deployFunction();
    const env = { ...yourEnv(world), ...prepare(world) };
    const { code, stdout, stderr } = await cli([...args, '--json'], env);
    expect(code).toBe(1);
    expect(stderr).toMatch(said);
    const { ok, error } = json<Refusal>(stdout);
    expect({ ok, said: `error: ${error.reason}\n${error.remedy}\n` }).toEqual({
      ok: false,
      said: stderr.replace(/^invoking .*\n/, ''),
    });
  });

  it.each([
    ['throttled', { kind: 'throttle' }, 'ThrottlingException'],
    ['broken off', { kind: 'reset' }, 'TimeoutError'],
    [
      'answered by a fault of Lambda',
      { kind: 'error', code: 'ServiceException', status: 500 },
      'ServiceException',
    ],
  ] as const)('an invocation that is %s is not sent again', async (_, fault, code) => {
    const world = await deployFunction();
    world.aws.fail({ operation: 'InvokeFunction', times: 5, with: fault });
    const ended = await cli(['refresh'], yourEnv(world));
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toContain(`lambda:InvokeFunction on ${FUNCTION} failed (${code})`);
    expect(invocations(world)).toHaveLength(1);
  });

  it('wrong usage, which is JSON too', async () => {
    const { code, stdout } = await cli(['status', '--json', '--nope']);
    expect(code).toBe(2);
    expect(json<Refusal>(stdout)).toMatchObject({
      ok: false,
      error: { code: 'UsageError', reason: expect.stringContaining("unknown option '--nope'") },
    });
  });

  it('a full disk', async () => {
    const stdout = openSync('/dev/full', 'w');
    const { code, stderr } = await cli(['settings', 'schema'], {}, undefined, { stdout });
    closeSync(stdout);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'error: could not write to standard output (ENOSPC)\n',
    });
  });

  it.each(['settings schema', 'status --nope'])('a reader that has gone, of %s', async (args) => {
    await built;
    const child = spawn(process.execPath, ['dist/cli/main.mjs', ...args.split(' ')]);
    const exited = once(child, 'exit');
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await exited).toEqual([args === 'settings schema' ? 0 : 2, null]);
  });

  it('Ctrl-C, which says what goes on', async () => {
    const world = await deployFunction();
    // one that would run on after this test would do so in the environment of another
    const run = Promise.withResolvers<object>();
    world.aws.functions.set(FUNCTION, () => run.promise);
    const { code, stdout, stderr } = await cli(['refresh'], yourEnv(world), (said) =>
      said.endsWith(`${FUNCTION}\n`),
    );
    run.resolve({});
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toMatch(/interrupted; the function goes on/);
  });
});
