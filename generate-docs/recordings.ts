import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { EnableRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { buildLambda } from '../build.ts';
import type { DoctorReport } from '../lambda/doctor/report.ts';
import { findSecrets } from '../test/sandbox/aws/canary.ts';
import { invocationContext, loadBundle } from '../test/sandbox/bundle.ts';
import { FUNCTION, startWorld } from '../test/sandbox/world.ts';
import { COLUMNS, drawTerminal, type Picture } from './terminal-svg.ts';

const ROOT = join(import.meta.dirname, '..');
const STACK = 'ecr-registry-helper';

/** What the terminal shows, by the file of its picture. */
const RECORDINGS: Readonly<Record<string, () => Promise<Picture>>> = {
  'docs/images/doctor.svg': recordDoctor,
  'docs/images/sandbox.svg': recordSandbox,
};

/** `doctor` finds a rule that is off, the command that it prints enables the rule, and `doctor` passes. */
async function recordDoctor(): Promise<Picture> {
  await buildLambda();
  Object.assign(process.env, { POWERTOOLS_LOG_LEVEL: 'SILENT', POWERTOOLS_METRICS_DISABLED: 'true' });
  const { handler } = await loadBundle();
  const world = await startWorld({ clusters: [{ name: 'demo' }] });
  try {
    const { aws, env } = world;
    Object.assign(process.env, env);
    aws.stacks.set(STACK, { FunctionName: FUNCTION });
    aws.functions.set(FUNCTION, (event) => handler(event, invocationContext()));
    for (const name of ['team-a', 'team-b']) world.clusters.get('demo')?.addNamespace(name);
    await handler({}, invocationContext());
    for (const [name, rule] of aws.rules) aws.rules.set(name, { ...rule, state: 'DISABLED' });

    const { accessKeyId, secretAccessKey } = aws.addUser(`arn:aws:iam::${aws.accountId}:user/you`);
    const yours = {
      AWS_ENDPOINT_URL: aws.origin,
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    };
    const doctor = ['run', '-s', 'cli', '--', 'doctor'];
    const broken = await run('npm', doctor, yours);
    const report = (await handler({ action: 'doctor' }, invocationContext())) as DoctorReport;
    const fix = await applyFix(report, aws.origin, { accessKeyId, secretAccessKey });
    const fixed = await run('npm', doctor, yours);
    if (broken.code !== 1 || fixed.code !== 0) {
      throw new Error(
        `doctor ended with ${broken.code}, and after the fix with ${fixed.code}:\n${fixed.stdout}`,
      );
    }
    return {
      title: 'doctor finds a fault, and passes after the fix that it printed',
      description:
        'The command doctor reports that the EventBridge rule is disabled, and prints the command that enables it. After this command, doctor reports no failed check.',
      output: [
        `$ npm ${doctor.join(' ')}`,
        broken.stdout,
        `$ ${fix}`,
        `$ npm ${doctor.join(' ')}`,
        fixed.stdout,
      ]
        .map((part) => part.trimEnd())
        .join('\n'),
    };
  } finally {
    await world.close();
  }
}

/** Runs the command that the failed check prints, which is one of the AWS CLI, by the SDK. */
async function applyFix(
  { findings }: DoctorReport,
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): Promise<string> {
  const remedies = findings.flatMap(({ result, remedy }) => (result === 'fail' ? [remedy] : []));
  const [command, region, Name] =
    /aws events enable-rule --region (\S+) --name (\S+)$/.exec(remedies.join('\n')) ?? [];
  if (!command) throw new Error(`no command of EventBridge is the only fix: ${remedies.join('\n')}`);
  const client = new EventBridgeClient({ endpoint, credentials, ...(region && { region }) });
  await client.send(new EnableRuleCommand({ Name }));
  client.destroy();
  return command;
}

/** The parts of the tour from the beginning to the first refresh. */
async function recordSandbox(): Promise<Picture> {
  await buildLambda();
  const { code, stdout } = await run(process.execPath, ['test/sandbox/main.ts'], {});
  if (code !== 0) throw new Error(`the sandbox ended with ${code}:\n${stdout}`);
  const parts = stdout.split(/\n(?=\S*\d\. )/).slice(0, 4);
  return {
    title: 'The sandbox',
    description:
      'The sandbox prints the namespaces of an emulated cluster, a plan, and the first refresh: which secrets it created and refreshed, and what blocks one.',
    output: [`$ npm run sandbox${parts[0]}`, ...parts.slice(1), '…']
      .map((part) => part.trimEnd())
      .join('\n\n'),
  };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
}

/** Runs a program as on a terminal of 80 columns with colours. @throws Error when it shows a secret */
async function run(program: string, args: readonly string[], env: Record<string, string>): Promise<Ended> {
  const others = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|npm_|SETTINGS$|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$)/.test(name),
  );
  const columns = `process.stdout.columns=${COLUMNS}`;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: {
      ...Object.fromEntries(others),
      ...env,
      FORCE_COLOR: '1',
      NODE_OPTIONS: `--import=data:text/javascript,${columns}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  const [shown] = findSecrets(stdout + stderr);
  if (shown) throw new Error(`${program} ${args.join(' ')} shows a secret, which begins with ${shown}`);
  return { code, stdout };
}

/** Puts the same for what differs from run to run: times, ports and uids. */
function normalise(output: string): string {
  const uids = new Map<string, string>();
  return output
    .replace(/\b\d+(\.\d+)? m?s\b/g, '40 ms')
    .replace(
      /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z/g,
      (_, ms) => `2026-11-24T20:00:00${ms ? '.000' : ''}Z`,
    )
    .replace(/\b127\.0\.0\.1:\d+/g, '127.0.0.1:54321')
    .replace(/\b[0-9a-f]{8}(?=\s)/g, (uid) => {
      const known = uids.get(uid) ?? (0x1b1f0c3a + uids.size * 0x11a3b59d).toString(16).slice(-8);
      uids.set(uid, known);
      return known;
    });
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
  for (const [file, record] of Object.entries(RECORDINGS)) {
    const { output, ...texts } = await record();
    const svg = drawTerminal({ ...texts, output: normalise(output) });
    const path = join(ROOT, file);
    if (!values.check) writeFileSync(path, svg);
    else if (readFileSync(path, 'utf8') !== svg) {
      console.error(`${file} is out of date. Write it: npm run docs:recordings`);
      process.exitCode = 1;
    }
  }
}
