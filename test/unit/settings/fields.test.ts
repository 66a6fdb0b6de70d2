import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { problemOf, withCluster, withEntry, withRegistry } from './inputs.ts';

describe('a message has the field, its value and what is allowed', () => {
  test.for<[string, unknown, RegExp]>([
    ['no settings', null, /^settings: top level: .*expected object, received null/],
    ['a list', [], /^settings: top level: .*expected object, received array/],
    ['no clusters', {}, /clusters: .*expected array/],
    ['an empty list of clusters', { clusters: [] }, /^settings: clusters: [^;]*>=1 items$/],
    [
      'an unknown field',
      { clusters: [{ name: 'prod' }], secret: [] },
      /unknown field "secret"; known are name, clusters, secrets,/,
    ],
    [
      'an unknown field further in',
      withCluster({ regoin: 'eu-west-1' }),
      /clusters\[0\]: unknown field "regoin"; known are name, id, region,/,
    ],
    [
      'a name with spaces',
      { ...withCluster({}), name: 'My Helper' },
      /name: "My Helper" is not a name of 2 to 40 lower case/,
    ],
    ['a cluster without name', { clusters: [{}] }, /clusters\[0\]\.name: .*expected string/],
    [
      'an ARN for a name',
      withCluster({ name: 'arn:aws:eks:x' }),
      /clusters\[0\]\.name: "arn:aws:eks:x" is not the name of an EKS cluster/,
    ],
    [
      'an id with a slash',
      withCluster({ id: 'eu/prod' }),
      /clusters\[0\]\.id: "eu\/prod" is not an id of letters/,
    ],
    [
      'a zone for a region',
      withCluster({ region: 'eu-west-1a' }),
      /clusters\[0\]\.region: "eu-west-1a" is not an AWS region such as eu-west-1/,
    ],
    [
      'an account id that is a number',
      withCluster({ accountId: 111122223333 }),
      /accountId: .*expected string.*found 111122223333/,
    ],
    [
      'an account id of 11 digits',
      withCluster({ accountId: '11112222333' }),
      /accountId: "11112222333" is not an AWS account id of 12 digits/,
    ],
    [
      'a user for a role',
      withCluster({ roleArn: 'arn:aws:iam::111122223333:user/x' }),
      /roleArn: "arn:aws:iam::111122223333:user\/x" is not the ARN of a role/,
    ],
    [
      'another way of RBAC',
      withCluster({ rbac: 'auto' }),
      /clusters\[0\]\.rbac: .*"apply"\|"manual".*found "auto"/,
    ],
    [
      'another way to new namespaces',
      { ...withCluster({}), newNamespaces: 'watch' },
      /newNamespaces: .*"audit-log" \(found "watch"\)/,
    ],
    ['no entry', { ...withCluster({}), secrets: [] }, /secrets: .*>=1 items/],
    [
      'a secret with capitals',
      withEntry({ name: 'Ecr' }),
      /secrets\[0\]\.name: "Ecr" is not a name of a Kubernetes secret/,
    ],
    ['no registry', withEntry({ registries: [] }), /secrets\[0\]\.registries: .*>=1 items/],
    [
      'an unknown type of registry',
      withRegistry({ type: 'gcr' }),
      /registries\[0\]\.type: "gcr" is no type of registry; known are ecr, ecr-public, stored/,
    ],
    ['a registry that is a text', withRegistry('ecr'), /registries\[0\]: .*expected object.*found "ecr"/],
    [
      'stored without secretId',
      withRegistry({ type: 'stored' }),
      /registries\[0\]\.secretId: .*expected string/,
    ],
    [
      'a field of another type of registry',
      withRegistry({ type: 'stored', secretId: 'x', hosts: [] }),
      /unknown field "hosts"; known are type, secretId, kmsKeyArn/,
    ],
    [
      'a host with https',
      withRegistry({ type: 'ecr', hosts: ['https://x.io'] }),
      /hosts\[0\]: "https:\/\/x.io" is not a registry host without https/,
    ],
    [
      'a host with a path',
      withRegistry({ type: 'ecr', hosts: ['x.io/v1'] }),
      /hosts\[0\]: "x.io\/v1" is not a registry host/,
    ],
    [
      'a repository ARN',
      withRegistry({ type: 'ecr', repositories: ['arn:aws:ecr:x'] }),
      /repositories\[0\]: "arn:aws:ecr:x" is not a repository name/,
    ],
    ['no repository', withRegistry({ type: 'ecr', repositories: [] }), /repositories: .*>=1 items/],
    [
      'an alias for a key',
      withRegistry({ type: 'ecr', kmsKeyArn: 'alias/x' }),
      /kmsKeyArn: "alias\/x" is not the ARN of a KMS key/,
    ],
    [
      'a retention that CloudWatch Logs does not offer',
      { ...withCluster({}), logRetentionDays: 31 },
      /logRetentionDays: CloudWatch Logs does not offer it; it offers 1, 3, 5, /,
    ],
    [
      'the ARN of a permissions boundary',
      { ...withCluster({}), permissionsBoundary: 'arn:aws:iam::111122223333:policy/x' },
      /permissionsBoundary: "arn:aws:iam::111122223333:policy\/x" is not the name of an IAM policy/,
    ],
    [
      'a namespace with capitals',
      withEntry({ namespaces: { include: ['Team'] } }),
      /namespaces\.include\[0\]: "Team" is not a namespace name or a glob/,
    ],
    ['no namespace', withEntry({ namespaces: { include: [] } }), /namespaces\.include: .*>=1 items/],
    [
      'a question mark in a glob',
      withEntry({ namespaces: { exclude: ['team-?'] } }),
      /namespaces\.exclude\[0\]: "team-\?" is not a namespace name or a glob/,
    ],
    [
      'a service account by a glob',
      withEntry({ serviceAccounts: ['build-*'] }),
      /serviceAccounts\[0\]: "build-\*" is not a name of a service account/,
    ],
    [
      'a label key that Kubernetes refuses',
      withEntry({ labels: { 'a/b/c': 'x' } }),
      /secrets\[0\]\.labels: "a\/b\/c" is not a key such as team/,
    ],
    [
      'a label value that Kubernetes refuses',
      withEntry({ labels: { team: 'a b' } }),
      /secrets\[0\]\.labels\.team: "a b" is not a label value/,
    ],
    [
      'a label of ours',
      withEntry({ labels: { 'app.kubernetes.io/managed-by': 'x' } }),
      /secrets\[0\]\.labels: "app\.kubernetes\.io\/managed-by" is reserved/,
    ],
    [
      'an annotation of ours',
      withEntry({ annotations: { 'ecr-registry-helper/expires-at': 'x' } }),
      /annotations: "ecr-registry-helper\/expires-at" is reserved/,
    ],
    [
      'the annotation of kubectl apply',
      withEntry({ annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }),
      /annotations: "kubectl\.kubernetes\.io\/last-applied-configuration" is reserved/,
    ],
    [
      'annotations that Kubernetes refuses together',
      withEntry({ annotations: { note: 'x'.repeat(199_000), more: 'ü'.repeat(1_000) } }),
      /secrets\[0\]\.annotations: they take 201021 bytes; at most 200000 are allowed/,
    ],
    [
      'an annotation that is a number',
      withEntry({ annotations: { note: 1 } }),
      /annotations\.note: .*expected string/,
    ],
    [
      'too many labels',
      withEntry({ labels: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`k${n}`, ''])) }),
      /secrets: labels have 101 different keys; at most 100 are allowed/,
    ],
    ['recreate as a text', withEntry({ recreate: 'yes' }), /recreate: .*expected boolean.*found "yes"/],
    [
      'a field manager with a line feed',
      withEntry({ adoptFrom: ['a\nb'] }),
      /adoptFrom\[0\]: "a\\nb" is not the name of a field manager/,
    ],
    [
      'no schedule at all',
      { ...withCluster({}), schedule: 'daily' },
      /schedule: "daily" is no schedule such as rate\(8 hours\)/,
    ],
    [
      'a gap of half a day',
      { ...withCluster({}), schedule: 'rate(12 hours)' },
      /schedule: "rate\(12 hours\)" leaves more than 10 hours/,
    ],
    ['weekdays only', { ...withCluster({}), schedule: 'cron(0 0/8 ? * MON-FRI *)' }, /may leave days out/],
    ['no write at once', { ...withCluster({}), concurrency: 0 }, /concurrency: .*>=1 \(found 0\)/],
    ['too many writes at once', { ...withCluster({}), concurrency: 65 }, /concurrency: .*<=64 \(found 65\)/],
    ['half a write', { ...withCluster({}), concurrency: 1.5 }, /concurrency: .*expected int.*found 1.5/],
    [
      'IPv6 in other words than true and false',
      {
        ...withCluster({}),
        vpc: {
          vpcId: 'vpc-1a2b3c4d',
          subnetIds: ['subnet-1a2b3c4d'],
          securityGroupIds: ['sg-1a2b3c4d'],
          ipv6: 'yes',
        },
      },
      /vpc\.ipv6: .*expected boolean/,
    ],
    [
      'a VPC without subnets',
      {
        ...withCluster({}),
        vpc: { vpcId: 'vpc-1a2b3c4d', subnetIds: [], securityGroupIds: ['sg-1a2b3c4d'] },
      },
      /vpc\.subnetIds: .*>=1 items/,
    ],
  ])('%s', ([, input, problem]) => {
    expect(problemOf(input)).toMatch(problem);
  });

  test('of settings that were never deployed does not say to deploy them again', () => {
    expect(() => checkSettings({})).toThrow(expect.objectContaining({ fix: 'Correct the settings.' }));
  });

  test('one message reports every problem, each on a line', () => {
    const problem = problemOf({ clusters: [{ name: 'a b', region: 'moon' }], concurrency: 0 });
    expect(problem).toMatch(
      /^settings: clusters\[0\]\.name: .*\nsettings: clusters\[0\]\.region: .*\nsettings: concurrency: /,
    );
  });
});

test.for([
  ['docker-hub', true],
  ['arn:aws:secretsmanager:eu-west-1:111122223333:secret:docker-hub-AbCdEf', true],
  // IAM compares it with the whole ARN, so that no policy would allow it
  ['arn:aws:secretsmanager:eu-west-1:111122223333:secret:docker-hub', false],
] as const)('the secret %s is taken: %s', ([secretId, isTaken]) => {
  const input = { clusters: [{ name: 'prod' }], secrets: [{ registries: [{ type: 'stored', secretId }] }] };
  if (isTaken) checkSettings(input);
  else expect(() => checkSettings(input)).toThrow('secretId: "arn:aws:secretsmanager');
});
