import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, constants, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLockFile } from './lock-file.ts';

/** Paths of the three programs of a control plane. */
export interface Binaries {
  kubeApiserver: string;
  etcd: string;
  awsIamAuthenticator: string;
}

const modules = fileURLToPath(new URL('../go/', import.meta.url));
const cache = fileURLToPath(new URL('../../../.cache/control-plane/', import.meta.url));

/**
 * Finds the programs of a control plane: in the folder `KUBEBUILDER_ASSETS` (the convention of
 * controller-runtime's envtest, which holds kube-apiserver and etcd; aws-iam-authenticator may be missing
 * there), else in the cache, and builds into the cache what is not there yet.
 * @throws {Error} if `KUBEBUILDER_ASSETS` lacks a program, or Go is missing or fails.
 */
export async function controlPlaneBinaries(): Promise<Binaries> {
  const assets = process.env.KUBEBUILDER_ASSETS || undefined;
  return {
    kubeApiserver: (await fromAssets(assets, 'kube-apiserver')) ?? (await builtOnce('kube-apiserver')),
    etcd: (await fromAssets(assets, 'etcd')) ?? (await builtOnce('etcd')),
    awsIamAuthenticator:
      (await fromAssets(assets, 'aws-iam-authenticator')) ?? (await builtOnce('aws-iam-authenticator')),
  };
}

async function fromAssets(assets: string | undefined, name: string): Promise<string | undefined> {
  if (assets === undefined) return undefined;
  const path = join(assets, name);
  if (await isExecutable(path)) return path;
  // Envtest's own downloads do not have it.
  if (name === 'aws-iam-authenticator') return undefined;
  throw new Error(`KUBEBUILDER_ASSETS is ${assets}, but it holds no program ${name}; unset it to build one`);
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The program of a module under `test/e2e/go/`, from the cache or built into it. */
async function builtOnce(name: string): Promise<string> {
  const module = join(modules, name);
  const goMod = await readFile(join(module, 'go.mod'), 'utf8');
  const args = buildArguments(goMod);
  const key = createHash('sha256')
    .update(JSON.stringify([process.platform, process.arch, args]))
    .update(goMod)
    .update(await readFile(join(module, 'go.sum')))
    .digest('hex')
    .slice(0, 16);
  const folder = join(cache, key);
  const binary = join(folder, name);
  if (await isExecutable(binary)) return binary;

  await mkdir(folder, { recursive: true });
  await withLockFile(join(folder, 'building'), async () => {
    if (await isExecutable(binary)) return;
    const unfinished = `${binary}.${process.pid}.unfinished`;
    const begin = performance.now();
    process.stderr.write(`control plane: building ${name} from ${module}, once; this takes minutes\n`);
    try {
      await goBuild(name, module, ['build', '-o', unfinished, ...args]);
      await rename(unfinished, binary);
    } finally {
      await rm(unfinished, { force: true });
    }
    const seconds = Math.round((performance.now() - begin) / 1000);
    process.stderr.write(`control plane: built ${binary} in ${seconds} s\n`);
  });
  return binary;
}

/** What makes a build the same on every machine; the package is that of the module's `tool` directive. */
function buildArguments(goMod: string): string[] {
  const tool = /^tool (\S+)$/m.exec(goMod)?.[1];
  if (tool === undefined) throw new Error('a go.mod under test/e2e/go has no tool directive');
  const version = /^\s*k8s\.io\/kubernetes v((\d+)\.(\d+)\.\d+)/m.exec(goMod);
  // Without it the API server says in `/version` that it is v0.0.0-master.
  const versionFlags = version
    ? Object.entries({ gitVersion: `v${version[1]}`, gitMajor: version[2], gitMinor: version[3] }).map(
        ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
      )
    : [];
  const ldflags = ['-s', '-w', ...versionFlags].join(' ');
  return ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', ldflags, tool];
}

async function goBuild(name: string, cwd: string, args: string[]): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };
  const go = spawn('go', args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const [code, signal] = await once(go, 'exit');
    if (code !== 0)
      throw new Error(`go could not build ${name} in ${cwd} (${signal ?? `exit code ${code}`})`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(
      `${name} has to be built once, and there is no go in PATH: install Go, or set KUBEBUILDER_ASSETS ` +
        'to a folder with kube-apiserver, etcd and aws-iam-authenticator',
    );
  }
}

if (import.meta.main) {
  process.stdout.write(`${JSON.stringify(await controlPlaneBinaries(), null, 2)}\n`);
}
