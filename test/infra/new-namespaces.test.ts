import { CfnParameter } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { CREATIONS } from '../../infra/new-namespaces.ts';
import { created } from '../sandbox/aws/log-batch.ts';
import { HOME, resource, synth } from './synth.ts';

const audited = { newNamespaces: 'audit-log' as const };

describe('with newNamespaces', () => {
  const { template } = synth(() => ({
    settings: {
      ...audited,
      clusters: [
        { name: 'demo' },
        { name: 'demo', id: 'again', rbac: 'manual' },
        { name: 'dev', region: HOME.region ?? '' },
      ],
    },
  }));

  it('subscribes the function to the log of each cluster, once', () => {
    const handler = {
      'Fn::GetAtt': [resource(template, 'AWS::Lambda::Function', 'HelperRefresher').id, 'Arn'],
    };
    const filters = Object.values(template.findResources('AWS::Logs::SubscriptionFilter'));
    expect(filters.map(({ Properties }) => Properties)).toEqual(
      ['demo', 'dev'].map((name) => ({
        LogGroupName: `/aws/eks/${name}/cluster`,
        DestinationArn: handler,
        FilterPattern: CREATIONS,
      })),
    );
  });

  it('lets only these logs of this account invoke it, before they are asked to', () => {
    const filter = resource(template, 'AWS::Logs::SubscriptionFilter', 'HelperNewNamespacesClusterdemo');
    const permission = resource(template, 'AWS::Lambda::Permission', 'HelperNewNamespacesClusterdemo');
    expect(permission.properties).toMatchObject({
      Action: 'lambda:InvokeFunction',
      Principal: 'logs.amazonaws.com',
      SourceAccount: HOME.account,
    });
    expect(JSON.stringify(permission.properties.SourceArn)).toContain(
      `:logs:${HOME.region}:${HOME.account}:log-group:/aws/eks/demo/cluster:*`,
    );
    expect(filter.dependsOn).toContain(permission.id);
  });

  it('makes no log group of its own for it', () => {
    expect(JSON.stringify(template.findResources('AWS::Logs::LogGroup'))).not.toContain('/aws/eks/');
  });
});

it.each([
  ['without newNamespaces', {}],
  ['while it is not enabled', { ...audited, enabled: false }],
])('subscribes to nothing %s', (_, more) => {
  const { template } = synth(() => ({ settings: { clusters: [{ name: 'demo' }], ...more } }));
  template.resourceCountIs('AWS::Logs::SubscriptionFilter', 0);
});

it.each([
  ['of another region', { name: 'far', region: 'us-east-1' }, /its region is us-east-1/],
  [
    'of another account',
    { name: 'far', accountId: '444455556666', roleArn: 'arn:aws:iam::444455556666:role/r' },
    /its account is 444455556666/,
  ],
  ['behind a role', { name: 'far', roleArn: 'arn:aws:iam::444455556666:role/r' }, /reached by a role/],
])('refuses a cluster %s by name', (_, cluster, reason) => {
  const settings = { ...audited, clusters: [{ name: 'demo' }, cluster] };
  expect(() => synth(() => ({ settings }))).toThrow(reason);
  expect(() => synth(() => ({ settings }))).toThrow(/newNamespaces: the log of the cluster far cannot/);
});

it('takes a cluster whose name is known only at deployment', () => {
  const { template } = synth((stack) => ({
    settings: { ...audited, clusters: [{ name: new CfnParameter(stack, 'Name').valueAsString }] },
  }));
  expect(resource(template, 'AWS::Logs::SubscriptionFilter').properties.LogGroupName).toEqual({
    'Fn::Join': ['', ['/aws/eks/', { Ref: 'Name' }, '/cluster']],
  });
});

describe('its filter', () => {
  const ref = { resource: 'namespaces', name: 'a' };

  it.each([
    [true, 'a create', created('a')],
    [true, 'generateName', created('a', { objectRef: { resource: 'namespaces' } })],
    [true, 'a server-side apply', created('a', { verb: 'patch' })],
    [false, 'a change', created('a', { verb: 'patch', responseStatus: { code: 200 } })],
    [false, 'a refused create', created('a', { responseStatus: { code: 409 } })],
    [false, 'a dry run', created('a', { requestURI: '/api/v1/namespaces?dryRun=All' })],
    [false, 'a subresource', created('a', { objectRef: { ...ref, subresource: 'finalize' } })],
    [false, 'another API', created('a', { objectRef: { ...ref, apiGroup: 'example.com' } })],
    [false, 'a secret', created('a', { objectRef: { resource: 'secrets' } })],
    [false, 'a request under way', created('a', { stage: 'RequestReceived' })],
  ])('says %s of %s', (expected, _, record) => {
    expect(passes(CREATIONS, record)).toBe(expected);
  });

  it('is no longer than CloudWatch Logs takes', () => {
    expect(CREATIONS.length).toBeLessThanOrEqual(1024);
  });
});

/** As CloudWatch Logs reads the terms that are used here: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html */
function passes(pattern: string, record: object): boolean {
  const terms = /\(\$\.([\w.]+) (?:(NOT EXISTS)|(!?=) (?:"([^"]*)"|(\d+)))\)/g;
  const told = pattern.slice(1, -1).replace(terms, (_, path: string, absent, sign, text, number) => {
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], record);
    if (absent) return String(value === undefined);
    const glob = new RegExp(`^${String(text).replaceAll('*', '.*')}$`);
    const is = number === undefined ? glob.test(String(value)) : value === Number(number);
    return String(is === (sign === '='));
  });
  return told
    .trim()
    .split(' && ')
    .every((part) => part.includes('true'));
}
