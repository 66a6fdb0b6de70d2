import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { brokenClusters } from '../integration/broken-clusters.ts';
import { brokenEntries } from '../integration/broken-entries.ts';
import { type Diagnosis, diagnoses } from '../integration/diagnoses.ts';
import { refusedWrites } from '../integration/refused-writes.ts';
import { invoke } from '../integration/run.ts';
import { startWorld, type World } from '../sandbox/world.ts';
import { type ControlPlane, startControlPlane } from './control-plane/start.ts';
import { commandsOf, openShell, type Shell } from './shell.ts';

/** No such program is here, or it would need an account: their form is compared in place of a run. */
const NOT_RUN = [
  /^eksctl create iamidentitymapping --region \S+ --cluster \S+ --arn \S+ --group \S+ --username \S+ --no-duplicate-arns$/,
  /^docker login \S+$/,
  /^curl -(?:I|sI) https:\S+(?: \| grep -i \^date)?$/,
  /^npx cdk deploy --all -c settings=\S+$/,
];

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

/** Nothing answers there: a command that the AWS CLI parses ends with that. */
const ENV = {
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  AWS_MAX_ATTEMPTS: '1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'example',
};
let controlPlane: ControlPlane;
let shell: Shell;

beforeAll(async () => {
  controlPlane = await startControlPlane({
    clusterName: 'demo',
    region: 'eu-west-1',
    principals: [],
    mapRoles: [],
    staticTokens: [],
  });
  shell = await openShell(controlPlane, { clusters: ['demo', 'broken', 'sound'].map((name) => ({ name })) });
});

afterAll(async () => {
  await controlPlane?.stop();
  shell?.remove();
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
    const [wanted = ''] = command.split(' | docker ');
    // given an endpoint, the AWS CLI wants a region for IAM too, which has none
    const region = wanted.startsWith('aws iam ') && { AWS_DEFAULT_REGION: 'us-east-1' };
    const { code, stderr } = await shell.run(wanted, { ...ENV, ...region });
    if (wanted.startsWith('aws ')) expect(stderr).toContain('Could not connect to the endpoint URL');
    // what it shows or deletes is of an emulated cluster
    else if (code !== 0) expect(stderr).toMatch(/^(?:Error from server \(NotFound\): .*\n)+$/);
  });
});
