import { describe, expect, it, onTestFinished } from 'vitest';
import type { Answer } from '../../lambda/answers.ts';
import type { DoctorReport } from '../../lambda/doctor/doctor-report.ts';
import { AssumeRoleError, EventError } from '../../lambda/errors.ts';
import { handler } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/report.ts';
import type { SettingsInput } from '../../lambda/settings.ts';
import type { StatusReport } from '../../lambda/status-report.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import { runFleet } from '../sandbox/fleet-run.ts';
import type { World } from '../sandbox/world.ts';
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
    // sends the metrics once, and logs in both
    const measured = (text = '') => jsonLines(text).filter((line) => '_aws' in line).length;
    expect([measured(output), measured(ofPlace.get(world)?.[0])]).toEqual([1, 0]);
  });

  it('names the role of home that its function cannot assume', async () => {
    const secrets = [{ registries: [{ type: 'stored' as const, secretId: 'hub' }] }];
    const world = await deployPrivate({ ...SETTINGS, secrets });
    world.aws.deny(ACCESS_ROLE, 'sts:AssumeRole');
    const { value } = await invoke<Report>(world, FAR_ITEM);
    const { problem: reason, remedy } = new AssumeRoleError(CREDENTIALS_ROLE, 'AccessDenied');
    const error = { reason: expect.stringContaining(reason), remedy: expect.stringContaining(remedy) };
    expect(value).toMatchObject({ ok: false, secrets: [{ error }] });
    expect(JSON.stringify(value)).not.toContain('secretsmanager:GetSecretValue');
  });

  it('is served in the run of a fleet, beside what is reached from home', async () => {
    const world = await deployPrivate();
    const send = (event: object): Promise<Answer> => handler(event, invocationContext());
    const { value } = await captured(world.env, () => runFleet(send, 1));
    expect(value?.results).toEqual(['prod', 'far', 'near-far'].map((id) => ({ id, ok: true })));
    expect(value?.error).toBeUndefined();
  });

  it('comes back from the queue of failed runs', async () => {
    const world = await deployPrivate();
    const body = JSON.stringify({ requestPayload: FAR_ITEM });
    const { value } = await invoke<Report>(world, { Records: [{ eventSource: 'aws:sqs', body }] });
    expect(value?.ok).toBe(true);
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
      expect.objectContaining({ object: 'room for retries', result: 'pass' }),
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
    expect(error).toBeInstanceOf(EventError);
    expect(String(error)).toContain('prod and far are not reached from the same VPC');
    expect(world.aws.calls).toEqual([]);
  });
});

describe('a function in a VPC that gives no answer', () => {
  const breaks: [string, (world: World) => void, string][] = [
    [
      'is not deployed',
      ({ aws }) => aws.functions.delete(FUNCTION),
      'gave no answer (ResourceNotFoundException)',
    ],
    [
      'may not be invoked',
      ({ aws }) => aws.deny(ACCESS_ROLE, 'lambda:InvokeFunction'),
      'gave no answer (AccessDeniedException)',
    ],
    [
      'throws',
      ({ aws }) => {
        aws.functions.set(FUNCTION, () => Promise.reject(new TypeError('AKIACANARY')));
      },
      'gave no answer (TypeError)',
    ],
    [
      'answers something else',
      ({ aws }) => aws.functions.set(FUNCTION, async () => ({ ok: true, action: 'status' })),
      '(NoAnswer)',
    ],
  ];

  it.each(breaks)('fails a refresh of its clusters, if it %s', async (_, break_, why) => {
    const world = await deployPrivate();
    break_(world);
    const { value } = await invoke<Report>(world, FAR_ITEM);
    expect(value).toMatchObject({
      ok: false,
      clusters: [{ id: 'far', ok: false, error: { reason: expect.stringContaining(why) } }],
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
      reason: expect.stringContaining(`:function:${FUNCTION}, from whose VPC the cluster is reached`),
      remedy: 'Deploy its access stack: npx cdk deploy --all -c settings=FILE.',
    });
  });
});
