import { describe, expect, test } from 'vitest';
import type { DoctorReport, Finding } from '../../lambda/doctor/report.ts';
import type { World } from '../sandbox/world.ts';
import { brokenClusters } from './broken-clusters.ts';
import { brokenEntries } from './broken-entries.ts';
import { diagnoses, HOST } from './diagnoses.ts';
import { clusterOf, deploy, FUNCTION_ROLE, invoke, requestsTo } from './run.ts';

const EMULATOR = '000000000000.dkr.ecr.eu-west-1.localhost.localstack.cloud:4566';

describe('on a good set-up', () => {
  test('every step passes, of several clusters and kinds of registries, and nothing is written', async () => {
    const world = await deploy({
      clusters: [{ name: 'demo' }, { name: 'us', region: 'us-east-1' }],
      secrets: [
        { serviceAccounts: ['default'] },
        { name: 'more', registries: [{ type: 'ecr', region: 'us-east-1' }], recreate: true },
      ],
      cleanup: true,
    });
    const repository = `${HOST}/team/app`;
    world.aws.registries.repositories.set(repository, true);
    for (const id of ['demo', 'us']) clusterOf(world, id).serviceAccounts.put('default', 'default', {});
    const report = await examined(world, { repository });
    expect(report.findings.filter(({ result }) => result !== 'pass')).toEqual([]);
    expect(report).toMatchObject({ ok: true, action: 'doctor', identity: world.aws.principal.arn });
    expect(world.aws.registries.requests.map(({ host, path }) => host + path).sort()).toEqual([
      `${HOST}/v2/`,
      `${HOST}/v2/team/app/manifests/ecr-registry-helper-doctor`,
      `${HOST}/v2/team/app/tags/list?n=1`,
      `${HOST.replace('eu-west-1', 'us-east-1')}/v2/`,
    ]);
    for (const id of ['demo', 'us']) expect(clusterOf(world, id).secrets()).toEqual([]);
  });

  test('every write is a dry run', async () => {
    const world = await deploy();
    await examined(world);
    const cluster = clusterOf(world);
    const writes = cluster.requests.filter(({ method }) => method === 'PATCH');
    expect(writes.map(({ query }) => query.get('dryRun'))).toEqual(['All', 'All']);
    expect(requestsTo(cluster, 'DELETE')).toEqual([]);
    expect(new Set(requestsTo(cluster, 'POST'))).toEqual(
      new Set([
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      ]),
    );
  });

  test('whose endpoint is public for some addresses, which are named', async () => {
    const world = await deploy();
    const { endpoint, caPem } = clusterOf(world);
    world.aws.addCluster({ name: 'demo', endpoint, caPem, publicAccessCidrs: ['203.0.113.0/24'] });
    const { ok, findings } = await examined(world);
    expect(ok).toBe(true);
    expect(findings.find(({ step }) => step === 'cluster')?.reason).toMatch(
      /authentication mode API, public for 203\.0\.113\.0\/24 only$/,
    );
  });

  test('whose logs tell of new namespaces, both ends of that are seen', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }], newNamespaces: 'audit-log' });
    const { ok, findings } = await examined(world);
    expect(ok).toBe(true);
    expect(findings.filter(({ step }) => step === 'new namespaces')).toEqual([
      {
        step: 'new namespaces',
        object: 'log group /aws/eks/demo/cluster',
        result: 'pass',
        reason: 'a subscription filter sends its records to the function',
      },
      { step: 'new namespaces', object: 'audit log of cluster demo', result: 'pass', reason: 'it is on' },
    ]);
  });

  test('whose first answer is cut off, it is requested once more', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }] });
    clusterOf(world).fault(({ path, attempt }) =>
      path.endsWith('/selfsubjectreviews') && attempt === 1 ? { kind: 'reset', when: 'before' } : undefined,
    );
    expect(await examined(world)).toMatchObject({ ok: true });
  });

  test('that is narrowed, every named namespace is asked and nothing else', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }, { name: 'other' }] });
    const { findings } = await examined(world, {
      clusters: ['demo'],
      namespaces: ['default', 'kube-public'],
    });
    expect(objectsOf(findings, 'apply')).toEqual([
      'secret default/ecr-docker-creds in cluster demo',
      'secret kube-public/ecr-docker-creds in cluster demo',
    ]);
    expect(clusterOf(world, 'other').requests).toEqual([]);
  });
});

describe('doctor finds', () => {
  test.for(diagnoses)('$title', async ({ settings, event, arrange, step, result, reason, remedy }) => {
    const world = await deploy({ clusters: [{ name: 'demo' }], ...settings });
    arrange?.(world);
    const { ok, findings } = await examined(world, event);
    const wrong = findings.filter((finding) => finding.result !== 'pass');
    expect(wrong.map((finding) => [finding.step, finding.result])).toEqual([[step, result]]);
    expect(wrong[0]?.reason).toMatch(reason);
    expect(wrong[0]?.remedy).toMatch(remedy);
    expect(ok).toBe(result !== 'fail');
  });

  test('namespaces that cannot be listed, by their name', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }] });
    clusterOf(world).fault(({ path }) =>
      path === '/api/v1/namespaces' ? { kind: 'status', status: 400 } : undefined,
    );
    const { findings } = await examined(world);
    expect(findings.find(({ result }) => result === 'fail')).toMatchObject({
      step: 'namespaces',
      object: 'namespaces of cluster demo',
    });
  });

  test.for(brokenClusters)(
    'a cluster that $title, and looks at the other one whole',
    async ({ cluster, arrange, expected }) => {
      const world = await deploy({ clusters: [{ name: 'broken', ...cluster }, { name: 'sound' }] });
      arrange(world);
      const { ok, findings } = await examined(world);
      const [first, ...others] = findings.filter(({ result }) => result === 'fail');
      expect(ok).toBe(false);
      expect(first?.remedy).toContain(expected.fix);
      expect([first, ...others].map((finding) => finding?.reason)).toContainEqual(expected.problem);
      expect(others.every(({ step }) => step === 'right' || step === 'namespaces')).toBe(true);
      const ofSound = findings.filter(({ object }) => object.endsWith('cluster sound'));
      expect(ofSound.map(({ result }) => result)).toEqual(ofSound.map(() => 'pass'));
      expect(ofSound.at(-1)?.step).toBe('apply');
    },
  );

  test.for(brokenEntries)(
    'an entry of which one registry $title',
    async ({ registries, arrange, expected }) => {
      const world = await deploy({
        clusters: [{ name: 'demo' }],
        secrets: [{ registries }, { name: 'sound', registries: [{ type: 'ecr' }] }],
      });
      arrange(world.aws);
      const { ok, findings } = await examined(world);
      const failed = findings.filter(({ result }) => result === 'fail');
      expect(ok).toBe(false);
      expect(failed.map(({ step, reason }) => [step, reason])).toEqual([['token', expected.problem]]);
      expect(failed[0]?.remedy).toContain(expected.fix);
      expect(objectsOf(findings, 'registry')).toEqual([
        'registries of ecr-docker-creds',
        expect.stringMatching(/amazonaws\.com$/),
      ]);
      expect(objectsOf(findings, 'apply')).toHaveLength(2);
    },
  );
});

test('an identity outside of the group is told so, and not that the policy is missing', async () => {
  const world = await deploy();
  const { accessEntries } = clusterOf(world);
  accessEntries.splice(0, 1, { principalArn: FUNCTION_ROLE, groups: ['system:masters'] });
  const { ok, findings } = await examined(world);
  expect(ok).toBe(false);
  expect(findings.find(({ step }) => step === 'authentication')).toMatchObject({
    result: 'fail',
    reason: expect.stringContaining('not in the group ecr-registry-helper'),
    remedy: expect.stringContaining(
      `aws eks update-access-entry --region eu-west-1 --cluster-name demo --principal-arn ${FUNCTION_ROLE} --kubernetes-groups ecr-registry-helper`,
    ),
  });
  expect(findings.filter(({ step }) => step === 'admission policy')).toMatchObject([
    { result: 'unknown', reason: 'skipped, as the check "authentication" failed' },
  ]);
  expect(objectsOf(findings, 'apply')).toEqual(['secret default/ecr-docker-creds in cluster demo']);
});

describe('a call that AWS denies', () => {
  const READER = 'arn:aws:iam::444455556666:role/reader';
  const KEYS = {
    accessKeyId: 'AKIACANARYUSER000001',
    secretAccessKey: 'CanarySecretKey/0123456789abcdefghijklmn',
  };
  const simulated = (who: string, action: string) => `--policy-source-arn ${who} --action-names ${action}`;

  test.for<[string, object, string, (world: World) => void]>([
    [
      "the function's role asks ECR",
      {},
      simulated(FUNCTION_ROLE, 'ecr:GetAuthorizationToken'),
      ({ aws }) => aws.deny(FUNCTION_ROLE, 'ecr:GetAuthorizationToken'),
    ],
    [
      'another role asks ECR',
      { roleArn: READER },
      simulated(READER, 'ecr:GetAuthorizationToken'),
      ({ aws }) => {
        aws.addRole({ arn: READER, trusts: ['*'] });
        aws.deny(READER, 'ecr:GetAuthorizationToken');
      },
    ],
    ['a role is not ours', { roleArn: READER }, simulated(FUNCTION_ROLE, 'sts:AssumeRole'), () => undefined],
    [
      'the role of static keys is not theirs',
      { roleArn: READER, keysSecretId: 'conf' },
      'Allow sts:AssumeRole to the user whose keys are in conf.',
      ({ aws }) => void aws.addUser('arn:aws:iam::444455556666:user/ci', KEYS),
    ],
    [
      'static keys are not ours to read',
      { keysSecretId: 'conf' },
      simulated(FUNCTION_ROLE, 'secretsmanager:GetSecretValue'),
      ({ aws }) => aws.deny(FUNCTION_ROLE, 'secretsmanager:GetSecretValue'),
    ],
  ])('is told with action and identity, as when %s', async ([, registry, command, arrange]) => {
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [{ registries: [{ type: 'ecr', ...registry }] }],
    });
    const { accessKeyId: aws_access_key_id, secretAccessKey: aws_secret_access_key } = KEYS;
    const value = JSON.stringify({ aws_access_key_id, aws_secret_access_key });
    world.aws.addSecret({ name: 'conf', value });
    arrange(world);
    const { findings } = await examined(world);
    const failed = findings.filter(({ result }) => result === 'fail');
    expect(failed.map(({ step }) => step)).toEqual(['token']);
    expect(failed[0]?.remedy).toContain(command);
  });
});

describe('a token', () => {
  test('is shown to no host that is not of ECR', async () => {
    const auth = Buffer.from('user:password').toString('base64');
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [
        {
          registries: [
            {
              type: 'ecr',
              hosts: ['registry.example.com', '111122223333.dkr-ecr.eu-west-1.on.aws', EMULATOR],
            },
            { type: 'stored', secretId: 'hub' },
          ],
        },
      ],
    });
    const auths = { 'ghcr.io': { auth }, [EMULATOR.replace('eu-', 'us-')]: { auth } };
    world.aws.addSecret({ name: 'hub', value: JSON.stringify({ auths }) });
    const { ok, findings } = await examined(world);
    expect(ok).toBe(true);
    expect(findings.filter(({ step }) => step === 'registry')).toMatchObject([
      { object: HOST, result: 'pass' },
      { object: 'registry.example.com', result: 'unknown', reason: 'not checked: it is not a host of ECR' },
      { object: '111122223333.dkr-ecr.eu-west-1.on.aws', result: 'pass' },
      { object: EMULATOR, result: 'unknown', reason: 'not checked: it is not an endpoint of AWS' },
      { object: 'ghcr.io', result: 'unknown', reason: 'not checked: it is not a host of ECR' },
      {
        object: EMULATOR.replace('eu-', 'us-'),
        result: 'unknown',
        reason: 'not checked: it is not an endpoint of AWS',
      },
    ]);
  });

  test('does not follow a redirect', async () => {
    const world = await deploy();
    const headers = { location: `https://444455556666.dkr.ecr.eu-west-1.amazonaws.com/v2/` };
    world.aws.registries.answers.set(HOST, { status: 307, headers });
    await examined(world);
    expect(world.aws.registries.requests.map(({ host }) => host)).toEqual([HOST]);
  });
});

describe('a repository', () => {
  test('of a host that no registry serves is refused, naming those that are known', async () => {
    const world = await deploy();
    const repository = '444455556666.dkr.ecr.eu-west-1.amazonaws.com/app';
    const { error } = await invoke(world, { action: 'doctor', repository });
    expect(error).toMatchObject({ code: 'EventError' });
    expect(String(error)).toContain(`hosts of ECR in them are ${HOST}`);
    expect(world.aws.registries.requests).toEqual([]);
  });

  test('of an emulator is named as none of AWS, also where its host is in the settings', async () => {
    const secrets = [{ registries: [{ type: 'ecr' as const, hosts: [EMULATOR] }] }];
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets });
    for (const host of [EMULATOR, EMULATOR.replace(':4566', '')]) {
      const { error } = await invoke(world, { action: 'doctor', repository: `${host}/app` });
      expect(error).toMatchObject({ code: 'EventError' });
      expect(String(error)).toContain(`repository: ${host} is not an endpoint of AWS; hosts of ECR`);
    }
    expect(world.aws.registries.requests).toEqual([]);
  });

  test('is asked for by the token of each entry that has its host', async () => {
    const roleArn = 'arn:aws:iam::111122223333:role/team-a';
    const namespaces = { include: ['default'] };
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [{ namespaces, registries: [{ type: 'ecr', roleArn }] }, {}],
    });
    world.aws.addRole({ arn: roleArn, trusts: [FUNCTION_ROLE] });
    const found = async (of: string) => {
      world.aws.registries.repositories.set(`${HOST}/app`, { of });
      const { findings } = await examined(world, { repository: `${HOST}/app` });
      return findings.filter(({ step }) => step === 'pull');
    };
    const half = `ecr:BatchGetImage is allowed to 1 of 2 tokens for ${HOST}; narrow it by namespaces to see to which`;
    for (const of of ['team-a', 'assumed-role/ecr-registry-helper']) {
      expect(await found(of)).toEqual([
        { step: 'pull', object: `${HOST}/app`, result: 'pass', reason: half },
        { step: 'pull', object: `tags of ${HOST}/app`, result: 'pass', reason: 'ecr:ListImages is allowed' },
      ]);
    }
    expect(await found('nobody')).toMatchObject([{ result: 'fail' }]);
  });

  test('is not looked at while a registry cannot be read', async () => {
    const world = await deploy();
    world.aws.deny(FUNCTION_ROLE, 'ecr:GetAuthorizationToken');
    const { findings } = await examined(world, { repository: `${HOST}/app` });
    expect(findings.find(({ step }) => step === 'pull')).toMatchObject({
      result: 'unknown',
      reason: 'skipped, as the check "token" failed',
    });
  });
});

test('an event that names what the settings do not cover asks nobody', async () => {
  const world = await deploy();
  const { error } = await invoke(world, { action: 'doctor', clusters: ['prod'] });
  expect(error).toMatchObject({ code: 'NotCoveredError' });
  expect(world.aws.calls).toEqual([]);
});

async function examined(world: World, more: object = {}): Promise<DoctorReport> {
  const { value, error } = await invoke<DoctorReport>(world, { action: 'doctor', ...more });
  if (!value) throw error;
  return value;
}

function objectsOf(findings: readonly Finding[], step: Finding['step']): string[] {
  return findings.filter((finding) => finding.step === step).map(({ object }) => object);
}
