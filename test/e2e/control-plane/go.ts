import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/**
 * Runs Go in a folder.
 * @returns its standard output
 * @throws {Error} if Go is missing or fails.
 */
export async function runGo(args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };
  const go = spawn('go', args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(go, 'close');
  try {
    const [output, [code, signal]] = await Promise.all([text(go.stdout), ended]);
    if (code === 0) return output;
    throw new Error(`go ${args.join(' ')} failed in ${cwd} (${signal ?? `exit code ${code}`})`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(
      'kube-apiserver, etcd and aws-iam-authenticator have to be built once, and there is no go in PATH: ' +
        'install Go, or set KUBEBUILDER_ASSETS to a folder with these three programs',
    );
  }
}
