import { globSync } from 'node:fs';
import { dirname } from 'node:path';
import { type CfnResource, type Stack, Validations } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { expect, it } from 'vitest';
import { EcrRegistryHelperAccessStack } from '../../infra/access-stack.ts';
import type { EcrRegistryHelperProps } from '../../infra/index.ts';
import { readAppSettings } from '../../lambda/cli/io.ts';
import { DEMO, HOME, newApp, synth } from './synth.ts';

/** cdk-nag that also records each finding, acknowledged or not. */
class Checks extends AwsSolutionsChecks {
  readonly findings: { path: string; id: string }[] = [];
}
// TypeScript knows it as private
(Checks.prototype as unknown as Record<string, unknown>).isAcknowledged = function (
  this: Checks,
  resource: CfnResource,
  id: string,
) {
  this.findings.push({ path: resource.node.path, id });
  return (
    AwsSolutionsChecks.prototype as unknown as Record<string, (...args: unknown[]) => boolean>
  ).isAcknowledged?.call(this, resource, id);
};

const key = 'arn:aws:kms:eu-west-1:111122223333:key/12345678-1234-1234-1234-123456789012';
const vpc = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };
const everything: EcrRegistryHelperProps['settings'] = {
  clusters: [{ name: 'one' }, { name: 'two' }, { name: 'west', region: 'us-west-2' }],
  storedChanges: true,
  secrets: [
    {
      registries: [
        { type: 'ecr', region: 'us-west-2', repositories: ['base/*', 'tool'] },
        { type: 'ecr', accountId: '444455556666', roleArn: 'arn:aws:iam::444455556666:role/puller' },
        { type: 'ecr', pullThroughCache: ['docker-hub'] },
        { type: 'ecr-public' },
        { type: 'ecr', accountId: '555566667777', keysSecretId: 'aws-conf' },
        { type: 'stored', secretId: 'hub', kmsKeyArn: key },
      ],
    },
  ],
};
const teams: EcrRegistryHelperProps['settings'] = {
  clusters: [{ name: 'demo' }],
  secrets: [
    { namespaces: { include: ['team-a'] }, repositories: ['team-a/*', 'base'] },
    { repositories: ['base'], registries: [{ type: 'ecr' }, { type: 'ecr', region: 'us-west-2' }] },
  ],
};

const examples = globSync('*/settings.json', { cwd: 'examples' }).map(dirname);

/** The settings of an example, as `-c settings=` reads them. */
function example(name: string): EcrRegistryHelperProps['settings'] {
  const context: Record<string, string> = { settings: `examples/${name}/settings.json` };
  return readAppSettings((key) => context[key], {}).input;
}

it.each([
  ...examples.map((name) => [`of the example ${name}`, HOME, () => ({ settings: example(name) })] as const),
  ['with nothing but a cluster', HOME, () => ({ settings: DEMO })],
  ['in an unknown account', { region: 'eu-west-1' }, () => ({ settings: DEMO })],
  ['in an unknown account and region', {}, () => ({ settings: DEMO })],
  ['with nothing of kubectl', HOME, () => ({ settings: { clusters: [{ name: 'demo', rbac: 'manual' }] } })],
  ['with registries of every kind', HOME, () => ({ settings: everything })],
  ['with registries of every kind, somewhere', {}, () => ({ settings: everything })],
  ['with entries that have roles of their own', HOME, () => ({ settings: teams })],
  ['with entries that have roles of their own, somewhere', {}, () => ({ settings: teams })],
  ['with new namespaces', HOME, () => ({ settings: { ...DEMO, newNamespaces: 'audit-log' } })],
  ['with new namespaces, somewhere', {}, () => ({ settings: { ...DEMO, newNamespaces: 'audit-log' } })],
  ['as a fleet', HOME, () => ({ settings: { ...DEMO, fleet: true } })],
  ['as a fleet, somewhere', {}, () => ({ settings: { ...DEMO, fleet: true } })],
  [
    'as a fleet that logs, under a key, with a boundary',
    HOME,
    () => ({
      settings: { ...DEMO, fleet: true, stateMachineLogs: true, kmsKeyArn: key, permissionsBoundary: 'team' },
    }),
  ],
  ['in a VPC', HOME, () => ({ settings: { ...DEMO, vpc } })],
  [
    'under keys',
    HOME,
    (stack) => ({
      settings: DEMO,
      queueKey: kms.Key.fromKeyArn(stack, 'QueueKey', key),
      environmentKey: kms.Key.fromKeyArn(stack, 'EnvironmentKey', key),
      alarmKey: kms.Key.fromKeyArn(stack, 'AlarmKey', key),
    }),
  ],
] as [string, typeof HOME, Parameters<typeof synth>[0]][])(
  '%s, cdk-nag finds nothing unexplained, and nothing is explained that it does not find',
  (_, env, props) => {
    expectExplained(synth(props, env).stack);
  },
);

const access: EcrRegistryHelperProps['settings'] = {
  accountId: '111122223333',
  region: 'eu-west-1',
  fleet: true,
  clusters: [
    { name: 'far', region: 'us-west-2' },
    { discover: { regions: ['us-west-2'], names: ['team-*'] } },
  ],
};
const place = { accountId: '111122223333', region: 'us-west-2' };

it.each([
  ['of a place', access],
  ['of a place with a VPC', { ...access, accessStacks: [{ ...place, vpc }] }],
])('an access stack %s', (_, settings) => {
  const env = { account: place.accountId, region: place.region };
  expectExplained(new EcrRegistryHelperAccessStack(newApp(), 'Access', { settings, env }));
});

it("the role that reads registries for such a VPC's function", () => {
  const { secrets } = everything;
  const settings = { ...access, secrets, accessStacks: [{ ...place, vpc }] };
  expectExplained(synth(() => ({ settings })).stack);
});

function expectExplained(stack: Stack): void {
  const checks = new Checks(stack);
  expect(checks.validateScope(stack).violations).toEqual([]);
  const acknowledged = stack.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.keys(data))
      .map((id) => ({ path: node.path, id: id.replace(/^annotation::/i, '') }))
      .filter(({ id }) => id.startsWith('AwsSolutions-')),
  );
  expect(acknowledged.length).toBeGreaterThan(0);
  const unused = acknowledged.filter(
    ({ path, id }) =>
      !checks.findings.some((finding) => finding.id === id && finding.path.startsWith(`${path}/`)),
  );
  expect(unused).toEqual([]);
}
