import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rbacManifest } from '../../lambda/cli/rbac.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { Settings, SettingsInput } from '../../lambda/settings/schema.ts';
import { FUNCTION } from '../sandbox/world.ts';
import { cli, deployFunction, settingsFile, yourEnv } from './cli.ts';

const COMMANDS = [
  'doctor',
  'plan',
  'refresh',
  'status',
  'cleanup',
  'invoke',
  'start',
  'rbac',
  'settings check',
  'settings schema',
];
const SETTINGS: SettingsInput = {
  name: 'team-secrets',
  clusters: [
    { name: 'near' },
    { name: 'far-cluster', id: 'far', region: 'us-west-2', roleArn: 'arn:aws:iam::444455556666:role/far' },
  ],
  secrets: [
    { namespaces: { include: ['team-*'], exclude: ['team-x'] }, serviceAccounts: ['default'] },
    { name: 'others', clusters: ['far'] },
  ],
  schedule: 'rate(6 hours)',
};

describe.concurrent('--help', () => {
  it.each(COMMANDS)('of %s has examples', async (command) => {
    const { code, stdout, stderr } = await cli([...command.split(' '), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^ {2}\\$ ecr-registry-helper ${command} *.*#`, 'm'));
  });

  it('lists the commands and the exit codes', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${command.split(' ')[0]} `, 'm'));
    expect(stdout).toMatch(/Exit codes: 0 .* 1 .* 2 .* 3 .* 4 .* 130/);
  });
});

describe.concurrent('wrong usage', () => {
  it.each<[string[], RegExp]>([
    [[], /Usage: /],
    [['staus'], /unknown command 'staus'\n\(Did you mean status\?\)/],
    [['status', '--namespace', 'a'], /unknown option '--namespace'\n\(Did you mean --namespaces\?\)/],
    [['status', 'now'], /too many arguments/],
    [['status', '--cluster'], /argument missing/],
    [['status', '--cluster', 'a b'], /^error: --cluster: "a b" is not a cluster id/],
    [['status', '--namespaces', 'a,B'], /^error: --namespaces: "B" is not a namespace name/],
    [['cleanup', '--cluster='], /^error: --cluster: "" is not a cluster id/],
    [['status', '--local', '--function', 'x'], /'--function <name>' cannot be used with option '--local'/],
    [['status', '--cluster-name', 'demo'], /--cluster-name needs --local; --cluster narrows/],
    [['status', '--clusters', 'a,b'], /unknown option '--clusters'\n\(Did you mean --cluster\?\)/],
    [['cleanup', '--cluster', 'a', '--cluster', 'b'], /--cluster takes one cluster here/],
    [['cleanup', '--cluster', 'a,b'], /--cluster takes one cluster here/],
    [['rbac', '--cluster-name', 'a', '--cluster', 'a,b'], /--cluster takes one cluster here/],
    [['rbac', '--cluster', 'demo'], /one cluster by --cluster-name NAME/],
    [['cleanup', '--dry-run'], /required option '--cluster <id>' not specified/],
    [['doctor', '--repository', 'app'], /^error: --repository: "app" is not a repository such as/],
    [['invoke'], /missing required argument 'event'/],
    [['invoke', '{"action":'], /the event is not JSON/],
    [['invoke', 'no/such.json'], /no\/such\.json cannot be read \(ENOENT\)/],
    [['rbac'], /give the settings by --settings FILE/],
    [
      ['rbac', '--settings', 'x.json', '--cluster-name', 'demo'],
      /'--cluster-name <name>' cannot be used with option '--settings <file>'/,
    ],
    [
      ['rbac', '-c', 'settings=x.json', '--cluster-name', 'demo'],
      /'-c, --context <key=value>' cannot be used with option '--cluster-name <name>'/,
    ],
    [['settings'], /Usage: /],
  ])('%j ends with 2 and a hint, and asks nobody', async (args, said) => {
    const { code, stdout, stderr } = await cli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(said);
  });
});

describe('settings', () => {
  it('check says what they mean, in words and with the defaults filled in', async () => {
    const file = settingsFile(SETTINGS);
    const { code, stdout } = await cli(['settings', 'check', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^ok: team-secrets, rate\(6 hours\), 16 writes at once, cleanup off; \d+ of 3500 bytes$/m,
    );
    expect(stdout).toMatch(/^far +far-cluster +us-west-2 +444455556666 /m);
    expect(stdout).toMatch(
      /^ecr-docker-creds +\* +default +ecr own account own region \(\*\) +team-\*; without team-x$/m,
    );
    const json = await cli(['settings', 'check', file, '--json']);
    expect(JSON.parse(json.stdout) as Settings).toEqual(checkSettings(SETTINGS));
  });

  it.each([
    ['package.json', /unknown field "/],
    ['README.md', /README\.md is not JSON/],
    ['no/such.json', /no\/such\.json cannot be read \(ENOENT\)/],
  ])('check of %s ends with 1', async (file, said) => {
    const { code, stdout, stderr } = await cli(['settings', 'check', file]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(said);
  });

  it('check says where settings go that the environment of a function cannot hold', async () => {
    const include = Array.from({ length: 160 }, (_, nth) => `namespace-number-${nth}`);
    const file = settingsFile({ clusters: [{ name: 'demo' }], secrets: [{ namespaces: { include } }] });
    const { code, stdout } = await cli(['settings', 'check', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok: .*; \d{4} bytes, in SSM parameters \(1\)$/m);
  });

  it('check refuses settings that are too large', async () => {
    const $schema = randomBytes(700_000).toString('base64');
    const { code, stderr } = await cli([
      'settings',
      'check',
      settingsFile({ clusters: [{ name: 'demo' }], $schema }),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/they take \d+ bytes compressed, and 737280 fit in SSM parameters/);
  });

  it('schema is the one of the docs', async () => {
    const { stdout } = await cli(['settings', 'schema']);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync('docs/settings.schema.json', 'utf8')));
  });
});

describe('rbac', () => {
  it('prints the manifest for a name, and nothing else', async () => {
    const demo = checkSettings({ clusters: [{ name: 'demo' }] });
    expect(await cli(['rbac', '--cluster-name', 'demo', '--region', 'eu-west-1'])).toEqual({
      code: 0,
      stdout: rbacManifest(demo, { region: 'eu-west-1' }),
      stderr: '',
    });
  });

  it('takes the settings of a deployed function, and says which there is not', async () => {
    const world = await deployFunction({ clusters: [{ name: 'near' }] });
    const { code, stdout, stderr } = await cli(['rbac', '--function', FUNCTION], yourEnv(world));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      rbacManifest(checkSettings({ clusters: [{ name: 'near' }] }), { region: world.aws.region }),
    );
    const none = await cli(['rbac', '--function', 'none'], yourEnv(world));
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toContain('there is no function none in eu-west-1');
  });

  it('takes one cluster of a file, and says which there are', async () => {
    const file = settingsFile(SETTINGS);
    const only = 'far';
    const { stdout } = await cli(['rbac', '--settings', file, '--cluster', only]);
    expect(stdout).toBe(rbacManifest(checkSettings(SETTINGS), { only }));
    const differing = await cli(['rbac', '--settings', file]);
    expect(differing).toMatchObject({ code: 2, stdout: '' });
    expect(differing.stderr).toMatch(/the permissions of near, far differ; .* --cluster ID/);
    const unknown = await cli(['rbac', '--settings', file, '--cluster', 'nope']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain(
      'error: --cluster: the settings cover no cluster "nope"; known are near, far',
    );
  });
});
