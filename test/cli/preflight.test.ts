import { expect, it } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { deploy } from '../integration/run.ts';
import type { ClusterOptions } from '../sandbox/aws/eks.ts';
import { cli, yourEnv } from './cli.ts';

const DEPLOY_ROLE = 'arn:aws:iam::111122223333:role/cdk-hnb659fds-deploy-role-111122223333-eu-west-1';
const AT = '--region eu-west-1 --name';

/** What preflight reports of a cluster, with a user who may assume CDK's deploy role or not. */
async function check(cluster: Partial<ClusterOptions>, { mayDeploy = true } = {}) {
  const world = await deploy();
  world.aws.addCluster({ name: 'prod', ...cluster });
  if (mayDeploy) world.aws.addRole({ arn: DEPLOY_ROLE, trusts: ['*'] });
  const before = world.aws.calls.length;
  const ended = await cli(['preflight', '--cluster-name', 'prod', '--json'], yourEnv(world));
  const report: DoctorReport = JSON.parse(ended.stdout);
  const calls = world.aws.calls.slice(before).map(({ operation }) => operation);
  return { ...ended, report, calls };
}

const lines = ({ findings }: DoctorReport) =>
  findings.map(({ result, step, reason }) => `${result} ${step}: ${reason}`);
const remedies = ({ findings }: DoctorReport) =>
  findings.flatMap(({ result, step, remedy }) => (result === 'pass' ? [] : [`${step}: ${remedy}`]));

it('says what each value of a cluster means, by calls that only read', async () => {
  const { code, report, calls } = await check({ version: '1.34', authenticationMode: 'API_AND_CONFIG_MAP' });
  expect(code).toBe(0);
  expect(lines(report)).toEqual([
    'pass identity: arn:aws:iam::111122223333:user/you',
    'pass cluster: ACTIVE in eu-west-1',
    'pass cluster: Kubernetes 1.34: the admission policy needs 1.30 or later',
    'pass endpoint: public for every address: the function needs no VPC',
    'pass authentication: mode API_AND_CONFIG_MAP: the stack can create access entries',
    `pass right: you may assume the role ${DEPLOY_ROLE.split('/')[1]} of CDK; it needs no permission in Kubernetes`,
  ]);
  expect(calls.toSorted()).toEqual(['AssumeRole', 'DescribeCluster', 'GetCallerIdentity']);
});

it.each<[string, Partial<ClusterOptions>, string, string]>([
  [
    'an old version',
    { version: '1.29' },
    'fail cluster: Kubernetes 1.29: the admission policy needs 1.30 or later',
    `cluster: Upgrade it, by one minor version at a time: aws eks update-cluster-version ${AT} prod --kubernetes-version 1.30`,
  ],
  [
    'a cluster that is being created',
    { status: 'CREATING' },
    'fail cluster: its status is CREATING',
    `cluster: Wait until it is ACTIVE: aws eks wait cluster-active ${AT} prod`,
  ],
  [
    'no access entries',
    { authenticationMode: 'CONFIG_MAP' },
    'fail authentication: mode CONFIG_MAP: the cluster takes no access entries, which the stack creates with rbac "apply"',
    `authentication: Allow access entries beside aws-auth; the mode cannot be changed back: aws eks update-cluster-config ${AT} prod --access-config authenticationMode=API_AND_CONFIG_MAP`,
  ],
  [
    'a private endpoint',
    { publicAccess: false },
    'fail endpoint: private: a function outside of vpc-0123456789abcdef0 does not reach it, and with rbac "apply" the deployment fails',
    `endpoint: Set vpc in the settings to subnets and security groups that reach it (docs/guides/private-clusters.md): aws eks describe-cluster ${AT} prod --query cluster.resourcesVpcConfig`,
  ],
  [
    'an endpoint for some addresses',
    { publicAccessCidrs: ['192.0.2.0/24'] },
    'fail endpoint: public for 192.0.2.0/24 only: a function outside of vpc-0123456789abcdef0 does not reach it, and with rbac "apply" the deployment fails',
    `endpoint: Set vpc in the settings to subnets and security groups that reach it (docs/guides/private-clusters.md): aws eks describe-cluster ${AT} prod --query cluster.resourcesVpcConfig`,
  ],
])('%s: fails, with the command that fixes it', async (_, cluster, line, remedy) => {
  const { code, report } = await check(cluster);
  expect(code).toBe(1);
  expect(lines(report)).toContain(line);
  expect(remedies(report)).toEqual([remedy]);
});

it('a deployer who cannot assume the role of CDK gets the command for it, and no failure', async () => {
  const { code, report } = await check({}, { mayDeploy: false });
  expect(code).toBe(0);
  expect(remedies(report)).toEqual([
    'right: Bootstrap the account and region once, or have the role allow you to assume it: npx cdk bootstrap aws://111122223333/eu-west-1',
  ]);
});

it('a cluster that does not exist fails, and what needs it is skipped', async () => {
  const world = await deploy();
  const { code, stdout } = await cli(['preflight', '--cluster-name', 'prdo'], yourEnv(world));
  expect(code).toBe(1);
  expect(stdout).toMatch(/^not ok: preflight, in .*, as arn:aws:iam::111122223333:user\/you\n/);
  expect(stdout).toContain('there is no EKS cluster prdo in eu-west-1');
  expect(stdout.match(/skipped/g)).toHaveLength(3);
  expect(stdout).toContain('aws eks list-clusters --region eu-west-1');
});

it('without the name of a cluster it is wrong usage', async () => {
  const { code, stderr } = await cli(['preflight']);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--cluster-name') });
});
