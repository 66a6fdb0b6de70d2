import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { unzipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { buildLambda } from '../../build.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import { makeTemplates, templateCommand, zipFunction } from '../../infra/template.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { newApp } from '../infra/synth.ts';
import { runNode } from './process.ts';

const { contents: bundle } = await buildLambda();

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/12345678-1234-1234-1234-123456789012';
const HOME = { accountId: '111122223333', region: 'eu-west-1' };
const VPC = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };
const EXAMPLES = globSync('examples/*/settings.json').sort();

const folder = mkdtempSync(join(tmpdir(), 'helper-template-'));
afterAll(() => rmSync(folder, { recursive: true }));
const temporaryFolder = () => mkdtempSync(join(folder, 'of-'));

function settingsFile(settings: SettingsInput): string {
  const file = join(temporaryFolder(), 'settings.json');
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

interface Parsed {
  readonly Parameters?: Record<string, { Type: string; Default?: string }>;
  readonly Rules?: object;
  readonly Outputs: object;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation
  readonly Resources: Record<string, { Type: string; Properties: any }>;
}

function templatesOf(settings: SettingsInput) {
  return makeTemplates(settingsFile(settings)).map((one) => ({
    ...one,
    parsed: JSON.parse(one.body) as Parsed,
  }));
}

function mainOf(settings: SettingsInput): Parsed {
  const [main] = templatesOf(settings);
  if (main?.file !== 'template.json') throw new Error('the first template is not that of the main stack');
  return main.parsed;
}

const typesIn = ({ Resources }: Parsed) => Object.values(Resources).map(({ Type }) => Type);
const resourcesOf = ({ Resources }: Parsed, type: string) =>
  Object.values(Resources).filter(({ Type }) => Type === type);

/** What a deployment without CDK cannot have. */
function findCdk(body: string): string[] {
  return [
    ...body.matchAll(
      /Custom::\w+|AWS::CloudFormation::CustomResource|AWS::CDK::\w+|BootstrapVersion|cdk-\w+-assets\S*|AWS::EKS::AccessEntry/g,
    ),
  ].map(([found]) => found);
}

/** Settings by what they show. */
const DEPLOYMENTS: Record<string, SettingsInput> = {
  'one cluster': { clusters: [{ name: 'demo' }] },
  'several clusters': { clusters: [{ name: 'one' }, { name: 'two', rbac: 'manual' }, { name: 'three' }] },
  'a kubeconfig': { clusters: [{ name: 'edge', kubeconfigSecretId: 'edge-kubeconfig' }] },
  'web identity': {
    clusters: [
      { name: 'edge', server: 'https://edge.example.com:6443', publicCertificate: true, webIdentity: {} },
    ],
  },
  'new namespaces': { clusters: [{ name: 'demo' }], newNamespaces: 'audit-log' },
  'stored changes': {
    clusters: [{ name: 'demo' }],
    storedChanges: true,
    secrets: [{ registries: [{ type: 'stored', secretId: 'hub' }] }],
  },
  'options of a company': {
    clusters: [{ name: 'demo' }],
    vpc: VPC,
    kmsKeyArn: KEY,
    permissionsBoundary: 'boundary',
    logRetentionDays: 30,
    tags: [{ key: 'team', value: 'platform' }],
    alarmTopic: 'arn:aws:sns:eu-west-1:111122223333:alarms',
  },
  'long settings': {
    clusters: [{ name: 'demo' }],
    secrets: Array.from({ length: 200 }, (_, nth) => ({
      name: `team-${nth}`,
      namespaces: { include: [`team-${nth}-*`] },
    })),
  },
  'a fleet': {
    ...HOME,
    fleet: true,
    clusters: [{ name: 'demo' }, { discover: { regions: ['us-east-1'], names: ['team-*'] } }],
  },
};

describe.each(Object.entries(DEPLOYMENTS))('%s', (_, settings) => {
  const templates = templatesOf(settings);

  it('needs neither CDK nor its bootstrap stack', () => {
    for (const { body, parsed, messages } of templates) {
      expect(findCdk(body)).toEqual([]);
      expect(parsed.Rules).toBeUndefined();
      expect(messages.filter((message) => message.startsWith('error'))).toEqual([]);
    }
  });

  it('has the code by parameters, and no other function', () => {
    const [main] = templates;
    expect(main?.file).toBe('template.json');
    expect(Object.keys(main?.parsed.Parameters ?? {})).toEqual(['CodeBucket', 'CodeKey']);
    const functions = resourcesOf(main?.parsed as Parsed, 'AWS::Lambda::Function');
    expect(functions.map(({ Properties }) => Properties.Code)).toEqual([
      { S3Bucket: { Ref: 'CodeBucket' }, S3Key: { Ref: 'CodeKey' } },
    ]);
    // by which it prints how to deploy it again
    const variables = functions.map(({ Properties }) => Properties.Environment.Variables);
    expect(variables).toEqual([expect.objectContaining({ DEPLOYED_BY: 'docs/guides/without-cdk.md' })]);
  });

  it('has the schedule, the queues of failed runs and the alarms', () => {
    const types = typesIn(templates[0]?.parsed as Parsed);
    const expected = ['Events::Rule', 'SQS::Queue', 'Lambda::EventSourceMapping', 'CloudWatch::Alarm'];
    expect(types).toEqual(expect.arrayContaining(expected.map((type) => `AWS::${type}`)));
  });
});

it('the parts of a feature are in the template', () => {
  const typesOf = (name: string) => typesIn(mainOf(DEPLOYMENTS[name] as SettingsInput));
  expect(typesOf('new namespaces')).toContain('AWS::Logs::SubscriptionFilter');
  expect(typesOf('long settings')).toContain('AWS::SSM::Parameter');
  expect(typesOf('a fleet')).toContain('AWS::StepFunctions::StateMachine');
  expect(typesOf('stored changes').filter((type) => type === 'AWS::Events::Rule')).toHaveLength(2);
  expect(typesOf('several clusters').filter((type) => type === 'AWS::CloudWatch::Alarm').length).toBe(
    typesOf('one cluster').filter((type) => type === 'AWS::CloudWatch::Alarm').length + 4,
  );
});

it('the resources have the names of those that CDK deploys', () => {
  const settings: SettingsInput = { clusters: [{ name: 'demo', rbac: 'manual' }] };
  const stack = new EcrRegistryHelperStack(newApp(), 'ecr-registry-helper', { settings });
  const deployed = Template.fromStack(stack).toJSON() as Parsed;
  const ids = Object.keys(mainOf(settings).Resources);
  expect(ids.length).toBeGreaterThan(20);
  expect(Object.keys(deployed.Resources)).toEqual(expect.arrayContaining(ids));
});

it('the HCL of the guide has the parameters of the template, and outputs that it has', () => {
  const { Parameters, Outputs } = mainOf(DEPLOYMENTS['one cluster'] as SettingsInput);
  const hcl = readFileSync('docs/guides/without-cdk.md', 'utf8').split('```hcl')[1]?.split('```')[0] ?? '';
  const [, parameters = ''] = /parameters = \{([^}]*)\}/.exec(hcl) ?? [];
  expect([...parameters.matchAll(/^ *(\w+) +=/gm)].map(([, name]) => name)).toEqual(
    Object.keys(Parameters ?? {}),
  );
  const outputs = [...hcl.matchAll(/outputs\["(\w+)"\]/g)].map(([, name]) => name);
  expect(outputs).toEqual(['FunctionRoleArn']);
  expect(Object.keys(Outputs)).toEqual(expect.arrayContaining(outputs));
});

it('a VPC, a key, a boundary and tags are in the template', () => {
  const [main] = templatesOf(DEPLOYMENTS['options of a company'] as SettingsInput);
  const [{ Properties: code } = { Properties: {} }] = resourcesOf(
    main?.parsed as Parsed,
    'AWS::Lambda::Function',
  );
  expect(code.VpcConfig).toEqual({ SubnetIds: VPC.subnetIds, SecurityGroupIds: VPC.securityGroupIds });
  expect(code.KmsKeyArn).toBe(KEY);
  expect(code.Tags).toEqual([{ Key: 'team', Value: 'platform' }]);
  expect(main?.tags).toEqual({ team: 'platform' });
  const roles = resourcesOf(main?.parsed as Parsed, 'AWS::IAM::Role');
  expect(roles.every(({ Properties }) => Properties.PermissionsBoundary)).toBe(true);
});

it('an access stack for each other account and region is a template of its own', () => {
  const templates = makeTemplates('examples/private-fleet/settings.json');
  expect(templates.map(({ file, stackName, region }) => [file, stackName, region])).toEqual([
    ['template.json', 'ecr-registry-helper', 'eu-west-1'],
    ['access-444455556666-us-east-1.json', 'ecr-registry-helper-access-444455556666-us-east-1', 'us-east-1'],
    ['access-777788889999-eu-west-1.json', 'ecr-registry-helper-access-777788889999-eu-west-1', 'eu-west-1'],
  ]);
  // each has a VPC function
  for (const { body } of templates) expect(body).toContain('"S3Key":{"Ref":"CodeKey"}');
  expect(templates[1]?.messages).toEqual([
    'info: factory: create the access entry of ecr-registry-helper-access-us-east-1 and apply the RBAC yourself (docs/guides/access-stacks.md)',
  ]);
});

describe.each(EXAMPLES)('%s', (file) => {
  it('fits in --template-body', () => {
    for (const { body } of makeTemplates(file)) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(51_200);
  });

  it('gives the same bytes from another folder', () => {
    const other = settingsFile(JSON.parse(readFileSync(file, 'utf8')));
    expect(makeTemplates(other)).toEqual(makeTemplates(file));
  });
});

it('the zip has the bundle, readable for all, and the same bytes at another time', () => {
  const zip = zipFunction();
  const files = unzipSync(zip);
  expect(Object.keys(files)).toEqual(['THIRD-PARTY-LICENSES.txt', 'index.mjs']);
  expect(Buffer.from(files['index.mjs'] ?? []).equals(bundle)).toBe(true);
  expect(Buffer.from(zip).equals(zipFunction())).toBe(true);
  // the entries of the central directory: made on Unix, changed at noon of 1980-01-01, -rw-r--r--
  const entries = Buffer.from(zip);
  for (let at = entries.indexOf('PK\u0001\u0002'); at >= 0; at = entries.indexOf('PK\u0001\u0002', at + 4)) {
    expect(entries[at + 5]).toBe(3);
    expect(entries.readUInt32LE(at + 12)).toBe(((1 << 5) | 1) * 0x10000 + (12 << 11));
    expect(entries.readUInt32LE(at + 38) >>> 16).toBe(0o644);
  }
});

describe('refused', () => {
  it.each<[string, SettingsInput, RegExp]>([
    [
      'rbac "apply"',
      { clusters: [{ name: 'one' }, { name: 'two', rbac: 'apply' }] },
      /clusters\[1\]\.rbac: "apply" needs CDK, whose kubectl function applies the RBAC; leave rbac out/,
    ],
    ['a wrong field', { clusters: [{ name: 'a b' }] }, /clusters\[0\]\.name: "a b" is not/],
    [
      'the log of another region',
      { ...HOME, clusters: [{ name: 'far', region: 'us-east-1' }], newNamespaces: 'audit-log' },
      /newNamespaces: the log of the cluster far cannot invoke the function: its region is us-east-1/,
    ],
    [
      'an account that the settings do not name',
      { clusters: [{ name: 'far', region: 'us-east-1' }], newNamespaces: 'audit-log' },
      /its region is set, and that of the stack is not known at synth \(set it by accountId and region of the settings/,
    ],
  ])('%s', (_, settings, error) => {
    expect(() => makeTemplates(settingsFile(settings))).toThrow(error);
  });
});

describe('npm run template', () => {
  const template = (...args: string[]) => runNode('infra/template.ts', args);
  const commandsIn = (stdout: string) =>
    stdout.split('\n').flatMap((line) => (line.startsWith('  aws ') ? line.trim() : []));

  it('writes the files, and prints the commands that deploy them', async () => {
    const out = join(temporaryFolder(), 'out');
    const file = settingsFile({
      ...DEPLOYMENTS['one cluster'],
      tags: [{ key: 'owned by', value: 'us' }],
    } as SettingsInput);
    const args = ['--settings', file, '--out', out];
    // 14 hours ahead of UTC
    const { code, stdout, stderr } = await runNode('infra/template.ts', args, { TZ: 'Pacific/Kiritimati' });
    expect(code).toBe(0);
    expect(stderr).toBe(
      'warning: nobody gets the alarms: their topic has no subscriber. Set alarmEmail or alarmTopic in the settings\n',
    );
    expect(readFileSync(join(out, 'template.json'), 'utf8')).toBe(makeTemplates(file)[0]?.body);
    expect(readFileSync(join(out, 'function.zip')).equals(zipFunction())).toBe(true);
    expect(stdout).toMatch(/template\.json: \d+ bytes, fits in --template-body \(51200\)/);
    const [upload = '', deploy = '', ...more] = commandsIn(stdout);
    expect(more).toEqual([]);
    const [, key] =
      /^aws s3 cp \S+\/function\.zip "s3:\/\/\$BUCKET\/(ecr-registry-helper\/[0-9a-f]{16}\.zip)"$/.exec(
        upload,
      ) ?? [];
    expect(deploy).toBe(
      `aws cloudformation deploy --stack-name ecr-registry-helper --template-file ${join(out, 'template.json')} --capabilities CAPABILITY_NAMED_IAM --parameter-overrides "CodeBucket=$BUCKET" CodeKey=${key} --tags 'owned by=us'`,
    );
  });

  it('has the flags that the docs show', () => {
    const shown = globSync(['*.md', 'docs/**/*.md']).flatMap((page) => [
      ...readFileSync(page, 'utf8').matchAll(/npm run -s template -- ([^`\n]+)/g),
    ]);
    expect(shown.length).toBeGreaterThan(1);
    for (const [, flags = ''] of shown) {
      const parsed: object[] = [];
      templateCommand((given) => parsed.push(given)).parse(flags.split(' '), { from: 'user' });
      expect(Object.keys(parsed[0] ?? {})).toEqual(['settings', 'out']);
    }
  });

  it('prints what the guide shows', async () => {
    const file = settingsFile(DEPLOYMENTS['one cluster'] as SettingsInput);
    const out = temporaryFolder();
    const { stdout } = await template('--settings', file, '--out', out);
    const guide = readFileSync('docs/guides/without-cdk.md', 'utf8');
    const commands = commandsIn(stdout).map((line) =>
      line.replaceAll(out, 'out').replace(/[0-9a-f]{16}/, 'KEY'),
    );
    expect(commands).toHaveLength(2);
    for (const command of commands) expect(guide).toContain(`   ${command}\n`);
  });

  it('says that a large template has to come from S3, and names the place of each stack', async () => {
    const out = temporaryFolder();
    const clusters = Array.from({ length: 40 }, (_, nth) => ({ name: `cluster-${nth}` }));
    const far = { name: 'far', accountId: '444455556666', region: 'us-east-1' };
    const file = settingsFile({ ...HOME, clusters: [...clusters, far] });
    const { stdout } = await template('--settings', file, '--out', out);
    expect(stdout).toMatch(/template\.json: \d+ bytes, does not fit in --template-body \(51200\)/);
    expect(stdout).toMatch(/access-\S+\.json: \d+ bytes, fits/);
    const [upload, main = '', access = ''] = commandsIn(stdout);
    expect(upload).toMatch(/ --region eu-west-1$/);
    expect(main).toMatch(/ --region eu-west-1 .* --s3-bucket "\$BUCKET"$/);
    // without a function
    expect(access).toMatch(/ --region us-east-1 --capabilities CAPABILITY_NAMED_IAM$/);
  });

  it.each<[string, string[], number, RegExp]>([
    ['no settings', ['--out', 'x'], 2, /required option '--settings <file>' not specified/],
    ['an unknown flag', ['--settings', 'x', '--out', 'x', '--stack', 'x'], 2, /unknown option '--stack'/],
    ['no file', ['--settings', 'nowhere.json', '--out', 'x'], 1, /nowhere\.json cannot be read \(ENOENT\)/],
    [
      'a file in place of the folder',
      ['--settings', 'examples/teams/settings.json', '--out', 'package.json'],
      2,
      /--out package\.json cannot be written \(EEXIST\)/,
    ],
  ])('refuses %s, without a stack trace', async (_, args, code, error) => {
    const ended = await template(...args);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(error);
    expect(ended.stderr).not.toMatch(/^ +at /m);
  });
});

it('the settings of the examples are those that are checked', () => {
  expect(EXAMPLES.map((file) => basename(dirname(file)))).toEqual([
    'fleet',
    'one-cluster',
    'private-cluster',
    'private-fleet',
    'teams',
  ]);
});
