import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runGo } from './go.ts';
import { withLockFile } from './lock-file.ts';
import { releaseModule } from './release-module.ts';
import { chosenRelease, DEFAULT_RELEASE, GO_MODULES, minorOf, VERSION_VARIABLE } from './versions.ts';

/** Paths of the three programs of a control plane. */
export interface Binaries {
  kubeApiserver: string;
  etcd: string;
  awsIamAuthenticator: string;
  /** The release of the API server, such as `1.33.13`; of a program that was not built here, its version. */
  release: string;
}

/** A Go module, and how its program is built. */
interface GoModule {
  readonly name: string;
  readonly folder: string;
  /** Of `go build`. */
  readonly args: readonly string[];
  /** What decides over the program beside the arguments. */
  readonly sources: readonly (string | Buffer)[];
  /** Writes a module that is no part of this repository. */
  readonly write?: () => Promise<void>;
}

const modules = fileURLToPath(GO_MODULES);
const cache = fileURLToPath(new URL('../../../.cache/control-plane/', import.meta.url));

/**
 * Finds the programs of a control plane of the chosen release: in the folder `KUBEBUILDER_ASSETS` (the convention of
 * controller-runtime's envtest, which holds kube-apiserver and etcd; aws-iam-authenticator may be missing
 * there), else in the cache, and builds into the cache what is not there yet.
 * @throws {Error} if `KUBEBUILDER_ASSETS` lacks a program or has another version, or Go is missing or fails.
 */
export async function controlPlaneBinaries(): Promise<Binaries> {
  const assets = process.env.KUBEBUILDER_ASSETS || undefined;
  const release = chosenRelease();
  const apiServer = await fromAssets(assets, 'kube-apiserver');
  if (apiServer) await checkVersion(apiServer, release);
  return {
    kubeApiserver: apiServer ?? (await builtOnce(await apiServerModule(release))),
    etcd: (await fromAssets(assets, 'etcd')) ?? (await builtOnce(await pinnedModule('etcd'))),
    awsIamAuthenticator:
      (await fromAssets(assets, 'aws-iam-authenticator')) ??
      (await builtOnce(await pinnedModule('aws-iam-authenticator'))),
    release,
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

/** The flags of an API server, and what some tests expect, depend on its version. */
async function checkVersion(apiServer: string, release: string): Promise<void> {
  const { stdout } = await promisify(execFile)(apiServer, ['--version']);
  const minor = /^Kubernetes v1\.(\d+)\./.exec(stdout)?.[1];
  if (Number(minor) === minorOf(release)) return;
  throw new Error(
    `${apiServer} is ${stdout.trim()}, and the tests are to run on 1.${minorOf(release)}: ` +
      `unset KUBEBUILDER_ASSETS, or set ${VERSION_VARIABLE}=1.${minor}`,
  );
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function apiServerModule(release: string): Promise<GoModule> {
  return release === DEFAULT_RELEASE ? pinnedModule('kube-apiserver') : writtenModule(release);
}

/** A module under `test/e2e/go/`, pinned by its `go.sum`. */
async function pinnedModule(name: string): Promise<GoModule> {
  const folder = join(modules, name);
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8');
  const tool = /^tool (\S+)$/m.exec(goMod)?.[1];
  if (tool === undefined) throw new Error('a go.mod under test/e2e/go has no tool directive');
  const release = name === 'kube-apiserver' ? DEFAULT_RELEASE : undefined;
  const args = ['-mod=readonly', ...buildArguments(tool, release)];
  return { name, folder, args, sources: [goMod, await readFile(join(folder, 'go.sum'))] };
}

/**
 * A program that reads a repository secret by Argo CD's own code and logs in to its registry, from the cache or built into
 * it. It takes minutes, so no control plane needs it.
 * @throws {Error} if Go is missing or fails.
 */
export async function argocdSettingsProgram(): Promise<string> {
  const name = 'argocd-settings';
  const folder = join(modules, name);
  const sources = ['go.mod', 'go.sum', 'main.go'].map((file) => readFile(join(folder, file)));
  const args = ['-mod=readonly', ...buildArguments('.', undefined)];
  return builtOnce({ name, folder, args, sources: await Promise.all(sources) });
}

/** The API server of another release; the build itself fills `go.sum`, by the checksum database of Go. */
async function writtenModule(release: string): Promise<GoModule> {
  const folder = join(cache, 'modules', release);
  return {
    name: 'kube-apiserver',
    folder,
    args: ['-mod=mod', ...buildArguments('k8s.io/kubernetes/cmd/kube-apiserver', release)],
    sources: [await readFile(new URL('release-module.ts', import.meta.url))],
    async write() {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'go.mod'), await releaseModule(release));
    },
  };
}

/** The program of a module, from the cache or built into it. */
async function builtOnce({ name, folder: module, args, sources, write }: GoModule): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, args]));
  for (const source of sources) hash.update(source);
  const folder = join(cache, hash.digest('hex').slice(0, 16));
  const binary = join(folder, name);
  if (await isExecutable(binary)) return binary;

  await mkdir(folder, { recursive: true });
  await withLockFile(join(folder, 'building'), async () => {
    if (await isExecutable(binary)) return;
    const unfinished = `${binary}.${process.pid}.unfinished`;
    const begin = performance.now();
    process.stderr.write(`control plane: building ${name} from ${module}, once; this takes minutes\n`);
    try {
      await write?.();
      await runGo(['build', '-o', unfinished, ...args], module);
      await rename(unfinished, binary);
    } finally {
      await rm(unfinished, { force: true });
    }
    const seconds = Math.round((performance.now() - begin) / 1000);
    process.stderr.write(`control plane: built ${binary} in ${seconds} s\n`);
  });
  return binary;
}

/** What makes a build the same on every machine. @param release that the API server names in `/version` */
function buildArguments(tool: string, release: string | undefined): string[] {
  // Without it the API server says that it is v0.0.0-master.
  const version = release && {
    gitVersion: `v${release}`,
    gitMajor: '1',
    gitMinor: String(minorOf(release)),
  };
  const versionFlags = Object.entries(version || {}).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  const ldflags = ['-s', '-w', ...versionFlags].join(' ');
  return ['-trimpath', '-buildvcs=false', '-ldflags', ldflags, tool];
}

if (import.meta.main) {
  process.stdout.write(`${JSON.stringify(await controlPlaneBinaries(), null, 2)}\n`);
}
