import { readFileSync } from 'node:fs';

/** The folder of the Go modules whose programs a control plane is made of. */
export const GO_MODULES = new URL('../go/', import.meta.url);

/** The release that the emulator imitates, and on which the tests run by default: that of the module `kube-apiserver`. */
export const DEFAULT_RELEASE = pinnedRelease();

/** The other releases on which the tests can run, one for each minor version: the newest that the Go proxy serves. */
const OTHER_RELEASES = ['1.30.14', '1.31.14', '1.32.13', '1.33.13', '1.34.4', '1.35.4', '1.37.2'];

/** All of them, oldest first. */
export const RELEASES: readonly string[] = [...OTHER_RELEASES, DEFAULT_RELEASE].sort(
  (one, other) => minorOf(one) - minorOf(other),
);

/** The versions by which a person names them, such as `1.33`, oldest first. */
export const VERSIONS: readonly string[] = RELEASES.map(versionOf);

export const DEFAULT_VERSION = versionOf(DEFAULT_RELEASE);

/** The environment variable that names the version of this process and those that it starts. */
export const VERSION_VARIABLE = 'KUBERNETES_VERSION';

/**
 * The release on which this process runs its tests.
 * @throws {Error} if `KUBERNETES_VERSION` is not a version that the tests can run on.
 */
export function chosenRelease(): string {
  return releaseOf(process.env[VERSION_VARIABLE] || DEFAULT_VERSION);
}

/** The second number of the version on which this process runs its tests: 33 of `1.33`. */
export function chosenMinor(): number {
  return minorOf(chosenRelease());
}

/**
 * The release of a version.
 * @throws {Error} if the tests cannot run on it.
 */
export function releaseOf(version: string): string {
  const release = RELEASES.find((one) => versionOf(one) === version);
  if (release !== undefined) return release;
  const known = VERSIONS.join(', ');
  throw new Error(`unknown Kubernetes version ${JSON.stringify(version)}; expected one of ${known}`);
}

/** The second number of a release or version: 33 of `1.33` and of `1.33.13`. */
export function minorOf(release: string): number {
  return Number(release.split('.')[1]);
}

function versionOf(release: string): string {
  return `1.${minorOf(release)}`;
}

function pinnedRelease(): string {
  const goMod = readFileSync(new URL('kube-apiserver/go.mod', GO_MODULES), 'utf8');
  const release = /^\s*k8s\.io\/kubernetes v(1\.\d+\.\d+)/m.exec(goMod)?.[1];
  if (release === undefined)
    throw new Error('the go.mod of kube-apiserver requires no release of k8s.io/kubernetes');
  return release;
}
