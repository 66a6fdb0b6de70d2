import { describe, expect, it, onTestFinished } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { type Answer, handler } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { invocationContext, reported } from '../sandbox/bundle.ts';
import { runFleet } from '../sandbox/fleet-run.ts';
import type { World } from '../sandbox/world.ts';
import { assumeRoleError } from '../unit/expected-errors.ts';
import { captured } from './capture.ts';
import { authsOf, clusterOf, deploy, holders, invoke, jsonLines, NAMESPACES } from './run.ts';
import { searched } from './searched.ts';

const HOME = { accountId: '111122223333', region: 'eu-west-1' };
const FAR = { accountId: '444455556666', region: 'us-west-2' };
const ACCESS_ROLE = `arn:aws:iam::${FAR.accountId}:role/ecr-registry-helper-access-us-west-2`;
const CREDENTIALS_ROLE = 'arn:aws:iam::111122223333:role/ecr-registry-helper-creds-eu-west-1';
const FUNCTION = 'ecr-registry-helper-access-us-west-2';
const SETTINGS: SettingsInput = {
  ...HOME,
  fleet: true,
  cleanup: true,
  clusters: [{ name: 'prod' }, { name: 'far', ...FAR }, { name: 'near-far', ...FAR }],
  secrets: [{ registries: [{ type: 'ecr' }, { type: 'stored', secretId: 'hub' }] }],
  accessStacks: [
    {
      ...FAR,
      externalId: 'shared-word',
      vpc: { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] },
    },
  ],
};

/** Deploys home and the access stack, whose function runs as its role in its region. */
async function deployPrivate(settings = SETTINGS): Promise<World> {
  const world = await deploy(settings);
  const { aws } = world;
  aws.addSecret({ name: 'hub', value: JSON.stringify({ auths: { 'ghcr.io': { auth: 'YTpi' } } }) });
  aws.addRole({ arn: CREDENTIALS_ROLE, trusts: [ACCESS_ROLE] });
  const session = aws.addSession(ACCESS_ROLE, 'of-the-place');
  const env = {
    ...world.env,
    AWS_REGION: FAR.region,
    AWS_ACCESS_KEY_ID: session.accessKeyId,
    AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
    AWS_SESSION_TOKEN: session.sessionToken ?? '',
    ACCESS_ROLE_ARN: ACCESS_ROLE,
    CREDENTIALS_ROLE_ARN: CREDENTIALS_ROLE,
  };
  delete (env as Partial<World['env']>).RULE_NAME;
  world.aws.functions.set(FUNCTION, async (event) => {
    const { value, error, output } = searched(await captured(env, () => handler(event, invocationContext())));
    outputs.push(output);
    if (!value) throw error;
    return value;
  });
  const outputs: string[] = [];
  ofPlace.set(world, outputs);
  onTestFinished(() => void ofPlace.delete(world));
  return world;
}
const ofPlace = new Map<World, string[]>();

const FAR_ITEM = { action: 'refresh', clusters: ['far'] };
const queued = (requestPayload: object) => ({
  Records: [{ eventSource: 'aws:sqs', body: JSON.stringify({ requestPayload }) }],
});
const callers = ({ aws }: World, operation: string) =>
  aws.calls
    .filter((call) => call.operation === operation)
    .map(({ principalArn, region }) => `${principalArn?.split('assumed-role/')[1]} in ${region}`);

describe('a cluster behind a VPC of an access stack', () => {
  it('is refreshed by the function there, with tokens and logins of home, which are in no event', async () => {
    const world = await deployPrivate();
    const { value, output } = await invoke<Report>(world, FAR_ITEM);
    expect(value).toMatchObject({
      ok: true,
      clusters: [{ id: 'far', ok: true, created: NAMESPACES.length }],
    });
    expect(holders(clusterOf(world, 'far'))).toEqual(NAMESPACES);
    expect(Object.keys(authsOf(clusterOf(world, 'far')))).toEqual([
      '111122223333.dkr.ecr.eu-west-1.amazonaws.com',
      'ghcr.io',
    ]);
    expect(callers(world, 'InvokeFunction')).toEqual([`${FUNCTION}/ecr-registry-helper in us-west-2`]);
    expect(callers(world, 'DescribeCluster')).toEqual([`${FUNCTION}/of-the-place in us-west-2`]);
    const byCredentialsRole = 'ecr-registry-helper-creds-eu-west-1/ecr-registry-helper in eu-west-1';
    expect(callers(world, 'GetAuthorizationToken')).toEqual([byCredentialsRole]);
    expect(callers(world, 'GetSecretValue')).toEqual([byCredentialsRole]);
    // sends the metrics once, those of the cluster and of the run, and logs in both
    const measured = (text = '') => jsonLines(text).filter((line) => '_aws' in line).length;
    expect([measured(output), measured(ofPlace.get(world)?.[0])]).toEqual([2, 0]);
  });

  it('names the role of home that its function cannot assume', async () => {
    const secrets = [{ registries: [{ type: 'stored' as const, secretId: 'hub' }] }];
    const world = await deployPrivate({ ...SETTINGS, secrets });
    world.aws.deny(ACCESS_ROLE, 'sts:AssumeRole');
    const { value } = await invoke<Report>(world, FAR_ITEM);
    const { problem: reason, fix: remedy } = assumeRoleError(CREDENTIALS_ROLE, 'AccessDenied');
    const error = { reason: expect.stringContaining(reason), remedy: expect.stringContaining(remedy) };
    expect(value).toMatchObject({ ok: false, secrets: [{ error }] });
    expect(JSON.stringify(value)).not.toContain('secretsmanager:GetSecretValue');
  });

  it('is refreshed when a stored secret changes, and its function is told nothing of that', async () => {
    const world = await deployPrivate({ ...SETTINGS, clusters: [{ name: 'far', ...FAR }] });
    const { value } = await invoke<Report>(world, {
      source: 'aws.secretsmanager',
      'detail-type': 'Secret Label Updated',
      resources: ['arn:aws:secretsmanager:eu-west-1:111122223333:secret:hub-a1b2c3'],
      detail: { name: 'hub', labelUpdated: 'AWSCURRENT' },
    });
    expect(value).toMatchObject({ ok: true, clusters: [{ id: 'far', created: NAMESPACES.length }] });
  });

  it('is served in the run of a fleet, beside what is reached from home', async () => {
    const world = await deployPrivate();
    const send = (event: object): Promise<Answer> => handler(event, invocationContext()).then(reported);
    const { value } = await captured(world.env, () => runFleet(send, 1));
    expect(value?.results).toEqual(['prod', 'far', 'near-far'].map((id) => ({ id, ok: true })));
    expect(value?.error).toBeUndefined();
  });

  it('comes back from the queue of failed runs', async () => {
    const world = await deployPrivate();
    const { value } = await invoke<Report>(world, queued(FAR_ITEM));
    expect(value?.ok).toBe(true);
  });

  it.each([
    ['when the fleet started, of a retry within the life of a token', 10 * 3_600_000, true],
    ['nothing of it later, and all is written', 12 * 3_600_000, false],
  ])('is told %s', async (_, agoMs, isTold) => {
    const world = await deployPrivate();
    const events: object[] = [];
    const function_ = world.aws.functions.get(FUNCTION);
    world.aws.functions.set(FUNCTION, async (event) => {
      events.push(event as object);
      return function_?.(event);
    });
    const startedAt = new Date(Date.now() - agoMs).toISOString();
    const { value } = await invoke<Report>(world, queued({ ...FAR_ITEM, startedAt }));
    expect(value).toMatchObject({ ok: true, clusters: [{ created: NAMESPACES.length }] });
    expect(events).toEqual([isTold ? { ...FAR_ITEM, startedAt } : FAR_ITEM]);
  });

  it('has a status, a plan, a cleanup and a doctor, which also looks at the rule at home', async () => {
    const world = await deployPrivate();
    const clusters = ['far'];
    await invoke(world, FAR_ITEM);
    const { value: status } = await invoke<StatusReport>(world, { action: 'status', clusters });
    expect(status?.ok).toBe(true);
    expect((await invoke(world, { action: 'plan', clusters })).value).toMatchObject({
      ok: true,
      action: 'plan',
    });
    const clean = { action: 'cleanup', confirm: 'far', all: true };
    expect((await invoke<never>(world, clean)).value).toMatchObject({ ok: true, removed: NAMESPACES.length });
    const { value: doctor } = await invoke<DoctorReport>(world, { action: 'doctor', clusters });
    expect(doctor).toMatchObject({ ok: true, identity: expect.stringContaining(`${FUNCTION}/of-the-place`) });
    expect(doctor?.findings.filter(({ step }) => step === 'schedule')).toEqual([
      expect.objectContaining({ object: 'rule ecr-registry-helper-schedule', result: 'pass' }),
      expect.objectContaining({ object: 'time for retries', result: 'pass' }),
    ]);
    expect(doctor?.findings.filter(({ result }) => result === 'fail')).toEqual([]);
    expect(doctor?.findings).toContainEqual({
      step: 'settings',
      object: 'VPC',
      result: 'pass',
      reason: expect.stringContaining(
        'ecr.api of eu-west-1, eks of us-west-2, secretsmanager of eu-west-1, sts of us-west-2',
      ),
    });
  });

  it('is not taken together with one that is reached from elsewhere', async () => {
    const world = await deployPrivate();
    const { error } = await invoke(world, { action: 'status', clusters: ['prod', 'far'] });
    expect(error).toMatchObject({ code: 'EventError' });
    expect(String(error)).toContain('prod and far are not reached from the same VPC');
    expect(world.aws.calls).toEqual([]);
  });
});

describe('a function in a VPC that gives no answer', () => {
  const breaks: [string, (world: World) => void, string][] = [
    [
      'is not deployed',
      ({ aws }) => aws.functions.delete(FUNCTION),
      'did not answer (ResourceNotFoundException)',
    ],
    [
      'may not be invoked',
      ({ aws }) => aws.deny(ACCESS_ROLE, 'lambda:InvokeFunction'),
      'did not answer (AccessDeniedException)',
    ],
    [
      'throws',
      ({ aws }) => {
        aws.functions.set(FUNCTION, () => Promise.reject(new TypeError('AKIACANARY')));
      },
      'did not answer (TypeError)',
    ],
    [
      'has settings of before',
      ({ aws }) => {
        const error = { code: 'NotCoveredError', reason: 'AKIACANARY', remedy: '' };
        aws.functions.set(FUNCTION, async () => ({ ok: false, error }));
      },
      'did not answer (NotCoveredError)',
    ],
    [
      'answers something else',
      ({ aws }) => aws.functions.set(FUNCTION, async () => ({ ok: true, action: 'status' })),
      '(NoAnswer)',
    ],
  ];

  it('is sent no cleanup a second time when its answer is lost, and nothing is said of what it removed', async () => {
    const world = await deployPrivate();
    await invoke(world, FAR_ITEM);
    world.aws.calls.length = 0;
    world.aws.fail({ operation: 'InvokeFunction', with: { kind: 'reset', when: 'after' } });
    const { error } = await invoke<never>(world, { action: 'cleanup', confirm: 'far', all: true });
    expect(error).toMatchObject({
      name: 'RelayError',
      problem: expect.stringContaining('did not answer (TimeoutError)'),
      fix: expect.stringContaining('Its log says what it did'),
    });
    expect(callers(world, 'InvokeFunction')).toHaveLength(1);
    expect(holders(clusterOf(world, 'far'))).toEqual([]);
  });

  it.each(breaks)('fails a refresh of its clusters, if it %s', async (_, break_, why) => {
    const world = await deployPrivate();
    break_(world);
    const { value } = await invoke<Report>(world, FAR_ITEM);
    expect(value).toMatchObject({
      ok: false,
      clusters: [
        { id: 'far', ok: false, error: { code: 'RelayError', reason: expect.stringContaining(why) } },
      ],
    });
    expect(JSON.stringify(value)).not.toContain('AKIACANARY');
    expect(clusterOf(world, 'far').requests).toEqual([]);
  });

  it('is told by a doctor as the way into the cluster', async () => {
    const world = await deployPrivate();
    world.aws.functions.delete(FUNCTION);
    const { value } = await invoke<DoctorReport>(world, { action: 'doctor', clusters: ['far'] });
    expect(value?.ok).toBe(false);
    expect(value?.findings).toContainEqual({
      step: 'cluster',
      object: 'cluster far',
      result: 'fail',
      reason: expect.stringContaining(`:function:${FUNCTION} did not answer`),
      remedy: 'Deploy its access stack: npx cdk deploy --all -c settings=settings.json',
    });
  });
});
