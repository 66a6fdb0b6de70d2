import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { buildCli } from '../../build.ts';
import { handler } from '../../lambda/handler.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { captured } from '../integration/capture.ts';
import { deploy } from '../integration/run.ts';
import { searched } from '../integration/searched.ts';
import { findSecrets } from '../sandbox/aws/canary.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import { FUNCTION, type World } from '../sandbox/world.ts';

export const STACK = 'ecr-registry-helper';

/** Bundled it starts twice as fast as from its sources. */
export const built = buildCli();

/** How the command line ended, and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A world whose function can be invoked, and is named by the output of its stack. */
export async function deployFunction(settings?: SettingsInput): Promise<World> {
  const world = await deploy(settings);
  world.aws.stacks.set(STACK, { FunctionName: FUNCTION });
  world.aws.variables.set(FUNCTION, world.env);
  world.aws.functions.set(FUNCTION, async (event) => {
    const { value, error } = searched(await captured(world.env, () => handler(event, invocationContext())));
    if (!value) throw error;
    return value;
  });
  return world;
}

/** What a person has in the environment who may call the AWS of a world. */
export function yourEnv({ aws }: World): Record<string, string> {
  const { accessKeyId, secretAccessKey } = aws.addUser(`arn:aws:iam::${aws.accountId}:user/you`);
  return {
    AWS_ENDPOINT_URL: aws.origin,
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
}

/** A file of settings that is gone after the test. */
export function settingsFile(settings: SettingsInput): string {
  return temporaryFile(JSON.stringify(settings));
}

/** A file that is gone after the test. */
export function temporaryFile(contents: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'helper-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, contents);
  return file;
}

/**
 * Runs the command line in a process of its own, with no AWS variables but those of `env`, and with none that colour.
 * @param interrupt says by what it wrote on stderr so far when Ctrl-C is pressed
 * @param streams in place of an empty standard input and a pipe
 * @throws {Error} when it shows a secret
 */
export async function cli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  interrupt: (stderr: string) => boolean = () => false,
  { stdin = 'ignore', stdout: out = 'pipe' }: { stdin?: 'ignore' | Readable; stdout?: 'pipe' | number } = {},
): Promise<Ended> {
  const others = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|npm_|SETTINGS$|NO_COLOR$|FORCE_COLOR$)/.test(name),
  );
  await built;
  const child = spawn(process.execPath, ['dist/cli/main.mjs', ...args], {
    env: { ...Object.fromEntries(others), ...env },
    stdio: [typeof stdin === 'string' ? stdin : 'pipe', out, 'pipe'],
  });
  if (typeof stdin !== 'string' && child.stdin) stdin.pipe(child.stdin);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    if (interrupt(stderr)) child.kill('SIGINT');
  });
  const closed = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  const [stdout, code] = await Promise.all([child.stdout ? text(child.stdout) : '', closed]);
  const [shown] = findSecrets(stdout + stderr);
  if (shown) throw new Error(`cli ${args.join(' ')} shows a secret, which begins with ${shown}`);
  return { code, stdout, stderr };
}
