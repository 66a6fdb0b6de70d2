import { execFile } from 'node:child_process';

export interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with no AWS account, region or credentials in its environment but those of `env`. */
export function run(file: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AWS|CDK|npm_config)_/.test(name));
  const env = { ...Object.fromEntries(inherited), ...options.env };
  return new Promise<Ended>((resolve) => {
    execFile(file, args, { ...options, env }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

/** Runs a TypeScript file of ours with the Node that runs the tests. */
export function runNode(file: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return run(process.execPath, [file, ...args], { env });
}
