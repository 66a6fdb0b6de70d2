import type { SettingsInput } from '../../infra/index.ts';
import type { Account } from './recorded-calls.ts';

export const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
export const EDGE_KEY = KEY.replace('1234abcd', '5678abcd');
export const FAR_KEY = KEY.replace('eu-west-1', 'us-west-2');

export const role = (name: string, account = '444455556666') => `arn:aws:iam::${account}:role/${name}`;
export const secret = (name: string, region = 'eu-west-1', account = '111122223333') =>
  `arn:aws:secretsmanager:${region}:${account}:secret:${name}`;
export const repository = (name: string, region = 'eu-west-1', account = '111122223333') =>
  `arn:aws:ecr:${region}:${account}:repository/${name}`;
export const cluster = (name: string, region = 'eu-west-1', account = '111122223333') =>
  `arn:aws:eks:${region}:${account}:cluster/${name}`;

/** Settings with all at once: the own ECR in two regions, keys, roles, stored secrets, clusters near, far and outside of AWS. */
export const EVERYTHING: SettingsInput = {
  clusters: [
    { name: 'demo' },
    { name: 'west', region: 'us-west-2' },
    { name: 'far', accountId: '444455556666', roleArn: role('cluster') },
    { name: 'edge', kubeconfigSecretId: 'edge-kubeconfig', kmsKeyArn: EDGE_KEY },
  ],
  secrets: [
    {
      registries: [
        { type: 'ecr' },
        { type: 'ecr', region: 'us-west-2', repositories: ['base/*', 'tool'] },
        { type: 'ecr', accountId: '444455556666', roleArn: role('puller') },
        {
          type: 'ecr',
          accountId: '222233334444',
          keysSecretId: 'name',
          kmsKeyArn: KEY,
          roleArn: role('with-keys'),
        },
        // the last six characters are what the emulator gives to this name
        { type: 'stored', secretId: secret('far-hub-c7bb54', 'us-west-2'), kmsKeyArn: FAR_KEY },
      ],
    },
    { name: 'hub-only', registries: [{ type: 'stored', secretId: 'hub' }] },
  ],
};

/** ECR Public and pull-through caches. */
export const REGISTRIES: SettingsInput = {
  clusters: [{ name: 'demo' }],
  secrets: [
    {
      registries: [{ type: 'ecr', pullThroughCache: ['docker-hub', 'quay'] }, { type: 'ecr-public' }],
    },
  ],
};

/** A fleet that is found in the own account by name, and in another one by tag with a role there. */
export const FLEET: SettingsInput = {
  clusters: [
    { discover: { regions: ['eu-west-1', 'us-west-2'], names: ['team-*'] } },
    {
      discover: { accounts: ['444455556666'], tag: { key: 'pull', value: 'on' }, roleName: 'cluster' },
    },
  ],
};

const found = (arn: string) => ({ id: arn, name: arn.split('/').at(-1) ?? '', region: arn.split(':')[3] });

/** What {@link FLEET} finds. */
export const FLEET_ACCOUNT: Account = {
  roles: [role('cluster')],
  found: [
    found(cluster('team-a')),
    found(cluster('team-b', 'us-west-2')),
    {
      ...found(cluster('far', 'eu-west-1', '444455556666')),
      roleArn: role('cluster'),
      tags: [{ key: 'pull', value: 'on' }],
    },
  ],
};

const keys = {
  accessKeyId: 'AKIACANARYUSER000001',
  secretAccessKey: 'CanarySecretKey/0123456789abcdefghijklmn',
};
const stored = (host: string) => ({ auths: { [host]: { auth: 'YTpi' } } });

/** What {@link EVERYTHING} needs to be there. */
export const ACCOUNT: Account = {
  roles: [role('cluster'), role('puller'), role('with-keys')],
  user: { arn: 'arn:aws:iam::222233334444:user/ci', ...keys },
  secrets: {
    name: {
      value: { aws_access_key_id: keys.accessKeyId, aws_secret_access_key: keys.secretAccessKey },
      kmsKeyArn: KEY,
    },
    'far-hub': { value: stored('quay.io'), region: 'us-west-2', kmsKeyArn: FAR_KEY },
    hub: { value: stored('ghcr.io') },
  },
};
