import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run } from '../cli/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'helper-synth-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command of the CDK CLI. */
function cdk(out: string, command: string, ...args: string[]) {
  return run(
    process.execPath,
    ['node_modules/aws-cdk/bin/cdk', command, '--no-notices', '--output', join(folder, out), ...args],
    {
      env: {
        // nothing of the CLI's own cache, no account in reach, and no network
        HOME: folder,
        AWS_EC2_METADATA_DISABLED: 'true',
        CDK_DISABLE_CLI_TELEMETRY: 'true',
        PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      },
    },
  );
}

describe('cdk synth', { timeout: 180_000 }, () => {
  it.each(globSync('examples/*/settings.json'))('takes %s', async (file) => {
    const out = file.replaceAll('/', '-');
    const { code } = await cdk(out, 'synth', '--quiet', '-c', `settings=${file}`);
    expect(code).toBe(0);
  });

  it('needs no account and no more than a cluster, and warns of nothing but alarms without a reader', async () => {
    const plain = await cdk('plain', 'synth', '--quiet', '-c', 'cluster=demo');
    const warnings = `${plain.stdout}${plain.stderr}`.match(/^.*warn.*$/gim);
    expect(warnings).toEqual([expect.stringContaining('nobody gets the alarms')]);
    const email = ['-c', 'alarmEmail=me@example.com'];
    const { code, stdout, stderr } = await cdk('good', 'synth', '--quiet', '-c', 'cluster=demo', ...email);
    expect({ code, said: `${stdout}${stderr}` }).toEqual({
      code: 0,
      said: expect.not.stringMatching(/warn|error/i),
    });
    const template = JSON.parse(readFileSync(join(folder, 'good/ecr-registry-helper.template.json'), 'utf8'));
    const functions = Object.values<{
      Properties?: { Environment?: { Variables?: { DEPLOYED_BY?: string } } };
    }>(template.Resources);
    expect(
      functions.flatMap(({ Properties }) => Properties?.Environment?.Variables?.DEPLOYED_BY ?? []),
    ).toEqual(['-c cluster=demo -c alarmEmail=me@example.com']);
    expect(Object.keys(template.Outputs).sort()).toEqual([
      'AlarmTopicArn',
      'DashboardUrl',
      'DeadLetterQueueUrl',
      'FailedQueueUrl',
      'FunctionName',
      'FunctionRoleArn',
      'InvokeCommand',
      'LogGroupName',
      'RuleName',
    ]);
    expect(JSON.stringify(template.Outputs.InvokeCommand.Value)).toContain(
      "--cli-binary-format raw-in-base64-out --cli-read-timeout 900 --payload '{}' /dev/stdout",
    );
  });

  it('says what is wrong, without a stack', async () => {
    const settings = join(folder, 'wrong.json');
    writeFileSync(
      settings,
      JSON.stringify({ clusters: [{ name: 'demo' }], secrets: [{ clusters: ['dem?'] }] }),
    );
    const { code, stderr } = await cdk('wrong', 'synth', '--quiet', '-c', `settings=${settings}`);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/"dem\?" is not/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('without a cluster', { timeout: 180_000 }, () => {
  it('cdk bootstrap gets as far as its own calls of AWS', async () => {
    const place = 'aws://111122223333/eu-west-1';
    const { code, stdout, stderr } = await cdk('bootstrap', 'bootstrap', place);
    // without credentials it ends there; where CI is set, the CDK CLI writes its progress to stdout
    const output = `${stdout}${stderr}`;
    expect(code).toBe(1);
    expect(output).toContain(`Bootstrapping environment ${place}`);
    expect(output).toContain('Need to perform AWS calls for account 111122223333, but no credentials');
    expect(output).not.toContain('neither was given');
  });

  it('cdk bootstrap --show-template ends well', async () => {
    const { code, stdout } = await cdk('template', 'bootstrap', '--show-template');
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('BootstrapVersion') });
  });

  it.each(['synth', 'deploy'])('cdk %s says what is missing', async (command) => {
    const { code, stdout, stderr } = await cdk(`no-${command}`, command);
    expect(code).toBe(1);
    expect(`${stdout}${stderr}`).toMatch(/-c cluster=NAME\) or .* \(-c settings=FILE\); neither was given/);
  });
});
