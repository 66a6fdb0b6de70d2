import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { runGo } from './go.ts';

const STAGING = /^\s(k8s\.io\/[a-z-]+) => \.\/staging\/src\/k8s\.io\/[a-z-]+$/gm;
/** Kubernetes builds its own releases with these settings; before 1.32 they followed from the version of Go. */
const GODEBUG = /^(?:godebug default=go|go )(\d+\.\d+)/gm;

/**
 * The `go.mod` of a module that builds the kube-apiserver of a release. Kubernetes replaces its staging modules by
 * folders of its own repository, which a module proxy does not serve: here they are the published modules.
 * @throws {Error} if Go is missing or cannot download the release.
 */
export async function releaseModule(release: string): Promise<string> {
  const upstream = await downloadGoMod(release);
  const staging = [...upstream.matchAll(STAGING)].map(([, path]) => path);
  const godebug = [...upstream.matchAll(GODEBUG)].at(-1)?.[1];
  if (staging.length === 0 || godebug === undefined) {
    throw new Error(`the go.mod of k8s.io/kubernetes v${release} has another form than expected`);
  }
  const published = `v0.${release.split('.').slice(1).join('.')}`;
  return [
    `module ecr-registry-helper/test/e2e/kube-apiserver-${release}`,
    'go 1.26.0',
    `godebug default=go${godebug}`,
    `replace (\n${staging.map((path) => `\t${path} => ${path} ${published}\n`).join('')})`,
    'tool k8s.io/kubernetes/cmd/kube-apiserver',
    `require (\n\tk8s.io/kubernetes v${release}\n)`,
    '',
  ].join('\n\n');
}

/** Go downloads the sources with it, which the build needs anyway. */
async function downloadGoMod(release: string): Promise<string> {
  const printed = await runGo(['mod', 'download', '-json', `k8s.io/kubernetes@v${release}`], tmpdir());
  return readFile(JSON.parse(printed).GoMod, 'utf8');
}
