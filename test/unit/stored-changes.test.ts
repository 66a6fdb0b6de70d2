import { describe, expect, test } from 'vitest';
import { narrowToChanged, type RunRequest } from '../../lambda/request.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';

const FUNCTION = 'arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper';
const arn = (name: string, region = 'eu-west-1', account = '111122223333') =>
  `arn:aws:secretsmanager:${region}:${account}:secret:${name}`;
const changeOf = (changed: string): RunRequest => ({ origin: 'changed', action: 'refresh', changed });
const clustersOf = (settings: SettingsInput, changed: string) =>
  narrowToChanged(checkSettings(settings), changeOf(changed), FUNCTION).clusters;

const settings: SettingsInput = {
  clusters: [{ name: 'prod' }, { name: 'dev' }, { name: 'edge', kubeconfigSecretId: 'edge-kubeconfig' }],
  storedChanges: true,
  secrets: [
    { clusters: ['prod'], registries: [{ type: 'stored', secretId: 'docker-hub' }] },
    { name: 'keys', clusters: ['dev'], registries: [{ type: 'ecr', keysSecretId: arn('aws-conf-a1b2c3') }] },
    {
      name: 'far',
      registries: [{ type: 'stored', secretId: arn('hub-a1b2c3', 'us-west-2', '444455556666') }],
    },
    { name: 'plain', registries: [{ type: 'ecr' }, { type: 'ecr-public' }] },
  ],
};

describe('a secret that changed is about the clusters that have an entry with it', () => {
  test.for<[string, string, string[]]>([
    ['by its name', arn('docker-hub-d4e5f6'), ['prod']],
    ['by its ARN, of static keys', arn('aws-conf-a1b2c3'), ['dev']],
    [
      'by its ARN, of another account and region',
      arn('hub-a1b2c3', 'us-west-2', '444455556666'),
      ['prod', 'dev', 'edge'],
    ],
    ['another one whose name begins so', arn('docker-hub-staging-d4e5f6'), []],
    ['of that name in another region', arn('docker-hub-d4e5f6', 'us-west-2'), []],
    ['of that name in another account', arn('docker-hub-d4e5f6', 'eu-west-1', '444455556666'), []],
    ['made anew under that name, as the ARN is another', arn('aws-conf-zzzzzz'), []],
    ['a kubeconfig, which each run reads', arn('edge-kubeconfig-d4e5f6'), []],
    ['nobody has named', arn('other-d4e5f6'), []],
  ])('%s', ([, changed, clusters]) => {
    expect(clustersOf(settings, changed)).toEqual(clusters);
  });

  test('in the region that the settings say is the function’s', () => {
    const home = { ...settings, accountId: '111122223333', region: 'eu-central-1' };
    expect(clustersOf(home, arn('docker-hub-d4e5f6', 'eu-central-1'))).toEqual(['prod']);
    expect(clustersOf(home, arn('docker-hub-d4e5f6'))).toEqual([]);
  });
});

test('any other run stays as it is', () => {
  const manual: RunRequest = { origin: 'manual', action: 'refresh', clusters: ['dev'] };
  expect(narrowToChanged(checkSettings(settings), manual, FUNCTION)).toBe(manual);
});
