import { describe, expect, it } from 'vitest';
import type { Report } from '../../lambda/refresh/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { clusterOf, deploy, holders, NAMESPACES } from '../integration/run.ts';
import { cli, settingsFile } from './cli.ts';

/** Lets the registries of ECR be those of the emulator in the process, too. */
const PRELOAD = new URL('../sandbox/aws/registries-preload.ts', import.meta.url).href;
const PULLER = 'arn:aws:iam::111122223333:role/puller';
const OWN: SettingsInput = { clusters: [{ name: 'demo' }] };
const BY_ROLE: SettingsInput = {
  ...OWN,
  secrets: [{ registries: [{ type: 'ecr', roleArn: PULLER }] }],
};

describe('--local', () => {
  it.each([['{}'], ['{"action":"refresh"}']])(
    'refuses to write a token of one who types %s, whichever command sends it',
    async (event) => {
      const world = await deploy(OWN);
      const settings = settingsFile({
        ...OWN,
        secrets: [
          ...(BY_ROLE.secrets ?? []),
          { name: 'own', registries: [{ type: 'ecr' }, { type: 'ecr-public' }] },
        ],
      });
      for (const command of [['refresh'], ['invoke', event]]) {
        const { code, stdout, stderr } = await cli(
          [...command, '--local', '--settings', settings],
          world.env,
        );
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(
          /spread a token of your own identity: secrets\[1\]\.registries\[0\] \(own\), secrets\[1\]\.registries\[1\] \(own\) has neither/,
        );
      }
      expect(world.aws.calls).toEqual([]);
    },
  );

  it('takes no audit records, which would start a refresh of all clusters', async () => {
    const world = await deploy(BY_ROLE);
    const event = JSON.stringify({ awslogs: { data: 'x' } });
    const settings = settingsFile(BY_ROLE);
    const { code, stderr } = await cli(['invoke', event, '--local', '--settings', settings], world.env);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('awslogs: only the deployed function takes it'),
    });
    expect(world.aws.calls).toEqual([]);
  });

  it('writes a token of a role or of keys that the settings name', async () => {
    const world = await deploy(BY_ROLE);
    world.aws.addRole({ arn: PULLER, trusts: ['*'] });
    const settings = settingsFile(BY_ROLE);
    const { code, stdout } = await cli(['refresh', '--local', '--settings', settings], world.env);
    expect({ code, said: stdout.split(',')[0] }).toEqual({ code: 0, said: 'ok: refresh' });
    expect(holders(clusterOf(world))).toEqual(NAMESPACES);
    expect(world.aws.calls.map(({ operation }) => operation)).toContain('AssumeRole');
  });

  it('plans, tells the status and examines with whatever identity', async () => {
    const world = await deploy(OWN);
    const plan = await cli(['plan', '--local', '--cluster-name', 'demo', '--json'], world.env);
    expect(JSON.parse(plan.stdout) as Report).toMatchObject({ ok: true, clusters: [{ created: 4 }] });
    expect(holders(clusterOf(world))).toEqual([]);
    expect(await cli(['status', '--local', '--cluster-name', 'demo'], world.env)).toMatchObject({ code: 3 });
    const doctor = await cli(['doctor', '--local', '--cluster-name', 'demo', '--verbose'], {
      ...world.env,
      EMULATED_AWS: world.aws.origin,
      NODE_OPTIONS: `--import=${PRELOAD}`,
    });
    expect(doctor.stdout).toMatch(/^pass registry: 111122223333\.dkr\.ecr\.eu-west-1\.amazonaws\.com: /m);
    expect(doctor.stdout).toMatch(/^pass cluster: cluster demo: /m);
  });

  it.each<[string[], Record<string, string>, number, RegExp]>([
    [
      ['plan', '--local'],
      {},
      2,
      /give the settings by --settings FILE, or one cluster by --cluster-name NAME/,
    ],
    [['plan', '--local', '--settings', 'no/such.json'], {}, 1, /no\/such\.json cannot be read \(ENOENT\)/],
    [
      ['plan', '--local', '--cluster-name', 'demo', '--cluster', 'far'],
      {},
      2,
      /^error: the settings cover no cluster "far"; known are demo/m,
    ],
    [['plan', '--local', '--cluster-name', 'demo'], { AWS_ACCESS_KEY_ID: '' }, 1, /no valid AWS credentials/],
    [['plan', '--local', '--cluster-name', 'demo'], { AWS_REGION: '' }, 1, /the AWS region is missing/],
  ])('%j with %j ends with %i', async (args, env, code, said) => {
    const world = await deploy(OWN);
    const ended = await cli(args, { ...world.env, ...env });
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
    expect(ended.stderr).toMatch(said);
    expect(world.aws.calls).toEqual([]);
  });
});
