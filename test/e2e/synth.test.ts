import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run } from '../infra/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'helper-synth-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.concurrent('cdk synth', () => {
  const cdk = (out: string, ...args: string[]) =>
    run(
      process.execPath,
      [
        'node_modules/aws-cdk/bin/cdk',
        'synth',
        '--quiet',
        '--no-notices',
        '--output',
        join(folder, out),
        ...args,
      ],
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

  it('needs no account and no more than a cluster, and warns of nothing', async () => {
    const { code, stdout, stderr } = await cdk('good', '-c', 'cluster=demo');
    expect({ code, said: `${stdout}${stderr}` }).toEqual({
      code: 0,
      said: expect.not.stringMatching(/warn|error/i),
    });
    const template = JSON.parse(readFileSync(join(folder, 'good/ecr-registry-helper.template.json'), 'utf8'));
    expect(Object.keys(template.Outputs).sort()).toEqual([
      'AlarmTopicArn',
      'DashboardUrl',
      'FailedQueueUrl',
      'FunctionName',
      'FunctionRoleArn',
      'InvokeCommand',
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
    const { code, stderr } = await cdk('wrong', '-c', `settings=${settings}`);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/"dem\?" is not/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
