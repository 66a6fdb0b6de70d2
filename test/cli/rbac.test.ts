import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readRbacFlags } from '../../lambda/cli/io.ts';
import { authenticationManifest, rbacManifest } from '../../lambda/cli/rbac.ts';
import { clusterRights } from '../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { run, runNode } from './process.ts';

const manifest = (settings: SettingsInput, options?: Parameters<typeof rbacManifest>[1]) =>
  rbacManifest(checkSettings(settings), options);
const objects = (yaml: string) => parseAllDocuments(yaml).map((document) => document.toJS());
const comments = (yaml: string) => yaml.split('\n').filter((line) => line.startsWith('#'));

const EDGE = { name: 'edge', server: 'https://edge.example.com', publicCertificate: true, webIdentity: {} };

describe('the AuthenticationConfiguration', () => {
  const issuer = 'https://6cd4a3b2.tokens.sts.global.api.aws';
  const role = 'arn:aws:iam::111122223333:role/ecr-registry-helper-eu-west-1';
  const settings = checkSettings({
    clusters: [
      { name: 'demo' },
      EDGE,
      { ...EDGE, name: 'far', webIdentity: { audience: 'far.example.com' } },
    ],
  });

  it('trusts one role of one account, for the audience of one cluster, and maps it to the group', () => {
    expect(objects(authenticationManifest(settings, { only: 'edge', issuer, role }))).toEqual([
      {
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'AuthenticationConfiguration',
        jwt: [
          {
            issuer: { url: issuer, audiences: ['ecr-registry-helper/edge'] },
            claimValidationRules: [
              { expression: `claims.sub == '${role}'`, message: 'the role is another' },
              {
                expression: "claims['https://sts.amazonaws.com/'].aws_account == '111122223333'",
                message: 'the account is another',
              },
            ],
            claimMappings: {
              username: { expression: "'aws:' + claims.sub" },
              groups: { expression: "['ecr-registry-helper']" },
            },
          },
        ],
      },
    ]);
  });

  it.each([
    [{ only: 'demo', issuer, role }, /for one cluster with webIdentity; choose it with --cluster ID/],
    [{ issuer, role }, /for one cluster with webIdentity/],
    [{ only: 'edge', issuer }, /--issuer and --role go together/],
    [{ only: 'edge', role }, /--issuer and --role go together/],
    [{ only: 'edge', issuer: 'http://issuer', role }, /--issuer http:\/\/issuer is not an https URL/],
    [{ only: 'edge', issuer, role: 'name' }, /--role name is not the ARN of a role/],
  ])('needs an issuer, a role and a cluster: %o', (flags, problem) => {
    expect(() => authenticationManifest(settings, flags)).toThrow(problem);
  });
});

describe('the manifest', () => {
  it('is the rights of the cluster, as YAML', () => {
    const settings = checkSettings({ clusters: [{ name: 'demo' }] });
    const [cluster] = listedClusters(settings);
    expect(objects(rbacManifest(settings))).toEqual(cluster && clusterRights(settings, cluster));
  });

  it('holds the commands for both authentication modes as comments', () => {
    const said = comments(manifest({ clusters: [{ name: 'demo' }] }, { region: 'eu-west-1' })).join('\n');
    expect(said).toMatch(
      /ROLE_ARN=\$\(aws cloudformation describe-stacks --stack-name ecr-registry-helper --region eu-west-1 .*FunctionRoleArn/,
    );
    expect(said).toContain(
      'aws eks create-access-entry --region eu-west-1 --cluster-name demo --principal-arn "$ROLE_ARN" --kubernetes-groups ecr-registry-helper',
    );
    expect(said).toContain(
      'eksctl create iamidentitymapping --region eu-west-1 --cluster demo --arn "$ROLE_ARN" --group ecr-registry-helper --username ecr-registry-helper',
    );
  });

  it("names a cluster's own role, without its path where aws-auth wants none", () => {
    const roleArn = 'arn:aws:iam::444455556666:role/team/far';
    const said = comments(manifest({ clusters: [{ name: 'demo', region: 'us-west-2', roleArn }] })).join(
      '\n',
    );
    expect(said).toContain(`--region us-west-2 --cluster-name demo --principal-arn ${roleArn} `);
    expect(said).toContain('--arn arn:aws:iam::444455556666:role/far ');
    expect(said).not.toContain('ROLE_ARN');
  });

  it('tells of a cluster by kubeconfig how to get into its group, and nothing of AWS', () => {
    const said = comments(manifest({ clusters: [{ name: 'edge', kubeconfigSecretId: 'edge-kubeconfig' }] }));
    expect(said.join('\n')).toContain('-subj "/O=ecr-registry-helper/CN=ecr-registry-helper"');
    expect(said.join('\n')).not.toMatch(/aws |eksctl|ROLE_ARN/);
  });

  it('of a cluster with webIdentity prints the command for its AuthenticationConfiguration, for this role', () => {
    const said = comments(manifest({ clusters: [EDGE] })).join('\n');
    expect(said).toContain('ROLE_ARN=$(aws cloudformation describe-stacks');
    expect(said).toContain(
      '--cluster edge --issuer "$(aws iam get-outbound-web-identity-federation-info --query IssuerIdentifier --output text)" --role "$ROLE_ARN"',
    );
    expect(said).not.toMatch(/eksctl|access-entry/);
  });

  it('comes once for clusters of the same rights, with the commands of each', () => {
    const yaml = manifest({ clusters: [{ name: 'one' }, { name: 'two' }] });
    expect(objects(yaml)).toHaveLength(4);
    expect(comments(yaml).join('\n')).toMatch(/--cluster-name one [\s\S]*--cluster-name two /);
  });

  it('asks which cluster, when their rights differ', () => {
    const settings: SettingsInput = {
      clusters: [{ name: 'one' }, { name: 'two' }],
      secrets: [{ name: 'first', clusters: ['one'] }, { name: 'second' }],
    };
    expect(() => manifest(settings)).toThrow(/the permissions of one, two differ; .* --cluster ID/);
    expect(objects(manifest(settings, { only: 'two' }))[0].rules[1].resourceNames).toEqual(['second']);
    expect(() => manifest(settings, { only: 'three' })).toThrow(/no cluster "three"; known are one, two/);
  });
});

describe('of a fleet', () => {
  const settings: SettingsInput = {
    accountId: '111122223333',
    region: 'eu-west-1',
    clusters: [
      { discover: { accounts: ['444455556666'], regions: ['us-west-2'], names: ['team-*'] } },
      { discover: { names: ['lab-*'] } },
    ],
    secrets: [{ name: 'of-teams', clusters: ['team-*'] }, { name: 'other' }],
  };
  const arn = (name: string) => `arn:aws:eks:us-west-2:444455556666:cluster/${name}`;

  it('is that of a cluster which a discover covers, with the role of its access stack', () => {
    const yaml = manifest(settings, { only: arn('team-a') });
    expect(objects(yaml)[0].rules[1].resourceNames).toEqual(['of-teams', 'other']);
    expect(comments(yaml).join('\n')).toContain(
      'aws eks create-access-entry --region us-west-2 --cluster-name team-a --principal-arn arn:aws:iam::444455556666:role/ecr-registry-helper-access-us-west-2 --kubernetes-groups ecr-registry-helper',
    );
  });

  it('is that of a cluster of any region where neither the discover nor the stack names one', () => {
    const own: SettingsInput = { clusters: [{ discover: { names: ['*'] } }] };
    const only = 'arn:aws:eks:eu-west-1:111122223333:cluster/x';
    expect(manifest(own, { only })).toContain('--region eu-west-1 --cluster-name x');
  });

  it('asks for one by its ARN, and refuses what none covers', () => {
    expect(() => manifest(settings)).toThrow(/choose one with --cluster ARN/);
    expect(() => manifest(settings, { only: 'lab-a' })).toThrow(
      /known are by its ARN what a discover covers/,
    );
    expect(() => manifest(settings, { only: arn('lab-a') })).toThrow(
      /no discover of its account and region covers the name lab-a/,
    );
  });
});

describe('npm run rbac', () => {
  it('prints nothing but the manifest', async () => {
    const { code, stdout, stderr } = await runNode('lambda/cli/main.ts', [
      'rbac',
      '-c',
      'cluster=demo',
      '-c',
      'region=eu-west-1',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(manifest({ clusters: [{ name: 'demo' }] }, { region: 'eu-west-1' }));
  });

  it('takes the settings that cdk.json names, unless a flag gives others', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'helper-rbac-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const settings: SettingsInput = { name: 'named', clusters: [{ name: 'prod' }] };
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
    const context = { settings: 'settings.json', region: 'eu-west-1' };
    writeFileSync(join(folder, 'cdk.json'), JSON.stringify({ context }));
    const [named, given, both] = await Promise.all(
      [[], ['--cluster-name', 'demo'], ['-c', 'cluster=demo']].map((args) =>
        run(process.execPath, [resolve('lambda/cli/main.ts'), 'rbac', ...args], { cwd: folder }),
      ),
    );
    expect(named?.stdout).toBe(manifest(settings, { region: 'eu-west-1' }));
    expect(given?.stdout).toBe(manifest({ clusters: [{ name: 'demo' }] }));
    expect(both).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('both were given') });
  });

  it.each(['null', '5', '[]', '{"context":null}', '{"context":"x"}'])(
    'a cdk.json of %s is named, or gives no settings',
    async (contents) => {
      const folder = mkdtempSync(join(tmpdir(), 'helper-rbac-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      writeFileSync(join(folder, 'cdk.json'), contents);
      const main = resolve('lambda/cli/main.ts');
      const { code, stderr } = await run(process.execPath, [main, 'rbac'], { cwd: folder });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error: (cdk\.json has no object "context"|give the settings by)/);
    },
  );

  const FLEET = 'settings=examples/fleet/settings.json';
  it.each([
    [['cluster='], /-c cluster= needs a value/],
    [['cluster=demo', FLEET], /both were given/],
    [['cluster=demo', 'region=nowhere'], /-c region=nowhere is not an AWS region/],
    [[FLEET, 'region=us-east-2'], /-c region=us-east-2 is given, and the settings say eu-west-1/],
    [[FLEET, 'account=111122223333x'], /-c account=111122223333x is not an AWS account id/],
  ])('the context %j is refused as by the app', (context, message) => {
    expect(() => readRbacFlags({ context }, {})).toThrow(message);
  });

  it.each([
    [[], 2, /give the settings by --settings FILE/],
    [['--nope'], 2, /unknown option '--nope'/],
    [['-c', 'cluster'], 2, /-c cluster is not KEY=VALUE/],
    [['-c', 'cluster=demo', '-c', 'region=x'], 2, /^error: -c region=x is not an AWS region\nAdd --help/],
    [
      ['-c', 'cluster=a b'],
      1,
      /^error: settings: clusters\[0\]\.name: "a b" is not the name of an EKS cluster\n/,
    ],
  ])('%j ends with %i and what is wrong', async (args, exitCode, message) => {
    const { code, stdout, stderr } = await runNode('lambda/cli/main.ts', ['rbac', ...args]);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
