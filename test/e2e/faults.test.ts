import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { cli, deployFunction, settingsFile, yourEnv } from '../cli/cli.ts';
import { clusterOf, FUNCTION_ROLE, invoke } from '../integration/run.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import type { World as EmulatedWorld } from '../sandbox/world.ts';
import { done, makeNamespaces, makeSecret, removeNamespace } from './objects.ts';
import { commandsOf, openShell, type Shell } from './shell.ts';
import { until } from './until.ts';
import { CLUSTER, COMPILE_CACHE, DEPLOYMENT, startWorld, type World } from './world.ts';

/** The table of faults for people. */
const TABLE = 'docs/operate/faults.md';
const RULE = 'ecr-registry-helper-schedule';
const SETTINGS: SettingsInput = {
  clusters: [{ name: CLUSTER }],
  secrets: [{ namespaces: { include: ['team-a', 'team-b'] } }],
};
const RBAC = `npm run -s rbac -- -c settings=settings.json --cluster ${CLUSTER} | kubectl apply -f -`;
const ROLES = '/apis/rbac.authorization.k8s.io/v1';
const POLICIES = '/apis/admissionregistration.k8s.io/v1';

/** A fault that an operator meets, and what the product prints for it. */
interface Fault {
  readonly title: string;
  /** The command or the log line that shows it. */
  readonly foundBy: string;
  /** What fixes it beside a printed command; undefined where the printed command alone does. */
  readonly choice?: string;
}

/** A fault of a real cluster, which its administrator fixes with kubectl. */
interface ClusterFault extends Fault {
  readonly arrange: (world: World) => Promise<unknown>;
}

const clusterFaults: readonly ClusterFault[] = [
  {
    title: 'The permissions are missing in the cluster',
    foundBy: 'doctor',
    arrange: ({ admin }) => done(admin, 'DELETE', `${ROLES}/clusterrolebindings/${DEPLOYMENT}`),
  },
  {
    title: 'The admission policy has no binding',
    foundBy: 'doctor',
    arrange: ({ admin }) =>
      done(admin, 'DELETE', `${POLICIES}/validatingadmissionpolicybindings/${DEPLOYMENT}`),
  },
  {
    title: 'A namespace of the settings does not exist',
    foundBy: 'doctor',
    arrange: ({ admin }) => removeNamespace(admin, 'team-b'),
  },
  {
    title: 'The function may read every secret',
    foundBy: 'doctor',
    arrange: async ({ admin }) => {
      const path = `${ROLES}/clusterroles/${DEPLOYMENT}`;
      const { body } = await admin.request<{ rules: object[] }>('GET', path);
      const rules = [...body.rules, { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
      await done(admin, 'PUT', path, { ...body, rules });
    },
  },
  {
    title: 'An immutable secret has the name',
    foundBy: 'doctor',
    arrange: ({ admin }) => makeSecret(admin, 'team-a', { immutable: true }, 'kubectl-create'),
  },
  {
    title: 'Helm manages a secret of that name',
    foundBy: 'doctor',
    choice: 'The owner of the secret, or `adoptFrom` in the settings',
    arrange: ({ admin }) => makeSecret(admin, 'team-a', {}, 'helm'),
  },
];

/** A fault of AWS or of the deployment. */
interface OtherFault extends Fault {
  readonly arrange?: (world: EmulatedWorld) => void;
  /** The fix that is printed; undefined where there is nothing to fix. @default that of `doctor` */
  readonly find?: (world: EmulatedWorld) => Promise<string | undefined>;
}

const otherFaults: readonly OtherFault[] = [
  {
    title: 'EKS rejects the role (401)',
    foundBy: 'doctor',
    arrange: (world) => clusterOf(world, CLUSTER).accessEntries.splice(0),
  },
  {
    title: 'The access entry is for another group',
    foundBy: 'doctor',
    arrange: (world) => {
      const entry = { principalArn: FUNCTION_ROLE, username: DEPLOYMENT, groups: ['viewers'] };
      clusterOf(world, CLUSTER).accessEntries.splice(0, 1, entry);
    },
  },
  {
    title: 'The schedule rule is disabled',
    foundBy: 'doctor',
    arrange: ({ aws }) => aws.rules.set(RULE, { schedule: 'rate(8 hours)', state: 'DISABLED' }),
  },
  {
    title: 'ECR denies the token',
    foundBy: 'doctor',
    choice: 'The policy that denies it, which the last command names',
    arrange: ({ aws }) => aws.deny(FUNCTION_ROLE, 'ecr:GetAuthorizationToken'),
  },
  {
    title: 'The settings name a cluster that does not exist',
    foundBy: 'doctor',
    choice: '`name` in the settings: the command lists the choices',
    arrange: ({ aws }) => aws.removeCluster({ name: CLUSTER }),
  },
  {
    title: 'The API server is down',
    foundBy: 'doctor',
    choice: 'The network or the cluster: the command shows its endpoint and VPC',
    arrange: (world) => {
      const { caPem } = clusterOf(world, CLUSTER);
      world.aws.addCluster({ name: CLUSTER, endpoint: 'https://127.0.0.1:9', caPem });
    },
  },
  {
    title: 'The run ends before all is written',
    foundBy: 'refresh',
    choice: '`concurrency` in the settings, or `memorySize` of the construct',
    find: async (world) => {
      const never = new Promise<never>(() => undefined);
      clusterOf(world, CLUSTER).fault(({ method }) =>
        method === 'PATCH' ? { kind: 'stall', until: never } : undefined,
      );
      const { value } = await invoke(world, {}, invocationContext(6_000));
      return value?.clusters[0]?.problems[0]?.remedy;
    },
  },
  {
    title: 'The function was deleted',
    foundBy: 'doctor',
    choice: 'The name of the function or its region, or another deployment',
    find: async (world) => {
      const { stderr } = await cli(['doctor', '--function', 'gone'], yourEnv(world));
      return stderr.trim().split('\n').at(-1);
    },
  },
  {
    title: 'The settings have a wrong field',
    foundBy: 'settings check',
    choice: 'The file and field that it names',
    find: async () => {
      const wrong = { clusters: [{ name: CLUSTER }], schedul: 'rate(8 hours)' };
      const file = settingsFile(wrong as SettingsInput);
      const { stderr } = await cli(['settings', 'check', file]);
      const [problem = '', fix] = stderr.replace('error: ', '').replace(file, 'settings.json').split('\n');
      return `${problem.replace(/known are .*/, 'known are …')}. ${fix}`;
    },
  },
];

const preload = fileURLToPath(new URL('../sandbox/aws/registries-preload.ts', import.meta.url));
/** What each fault printed, and whether a printed command fixed it. */
const rows: string[] = [];
let world: World;
let shell: Shell;

beforeAll(async () => {
  const runtime = { ...COMPILE_CACHE, RULE_NAME: RULE, NODE_OPTIONS: `--import=${preload}` };
  world = await startWorld([DEPLOYMENT], runtime);
  world.aws.rules.set(RULE, { schedule: 'rate(8 hours)', state: 'ENABLED' });
  await makeNamespaces(world.admin, ['team-a', 'team-b']);
  shell = await openShell(world.controlPlane, SETTINGS);
  await works(RBAC);
  await until('the policy is in force', async () => (await diagnoseCluster()) === undefined);
});

afterAll(async () => {
  await world?.stop();
  shell?.remove();
});

test.for(clusterFaults)('$title', async ({ arrange, ...fault }) => {
  await arrange(world);
  await until('doctor finds it', async () => (await diagnoseCluster()) !== undefined);
  await checkFault(fault, diagnoseCluster, works);
});

test.for(otherFaults)('$title', async ({ arrange, find = diagnose, ...fault }) => {
  const emulated = await deployFunction({ clusters: [{ name: CLUSTER }] });
  arrange?.(emulated);
  const env = yourEnv(emulated);
  await checkFault(
    fault,
    () => find(emulated),
    (command) => works(command, env),
  );
});

test('the docs have each fault with its fix, and at least eight are fixed by the printed command alone', () => {
  expect(rows).toHaveLength(15);
  expect(rows.filter((row) => row.endsWith('| The printed command |')).length).toBeGreaterThanOrEqual(8);
  const table = readFileSync(TABLE, 'utf8').split('\n');
  const listed = table.filter((line) => line.startsWith('| ') && !line.startsWith('| Fault'));
  expect(listed).toEqual(rows);
});

/** Fixes a fault by its first printed command, or checks that a person has to decide. */
async function checkFault(
  { title, foundBy, choice }: Fault,
  find: () => Promise<string | undefined>,
  fix: (command: string) => Promise<void>,
): Promise<void> {
  const printed = (await find()) ?? '';
  const commands = commandsOf(printed);
  const text = commands.reduce((rest, command) => rest.replace(command, `\`${command}\``), printed);
  rows.push(
    `| ${title} | \`${foundBy}\` | ${text.replaceAll('|', '\\|')} | ${choice ?? 'The printed command'} |`,
  );
  expect(printed).not.toBe('');
  if (choice) return;
  const [command = ''] = commands;
  await fix(command);
  await until(`${command} fixes it`, async () => (await find()) === undefined);
}

async function diagnoseCluster(): Promise<string | undefined> {
  const { report } = await world.invoke<DoctorReport>(SETTINGS, { action: 'doctor' });
  return firstFix(report);
}

async function diagnose(emulated: EmulatedWorld): Promise<string | undefined> {
  const { value } = await invoke<DoctorReport>(emulated, { action: 'doctor' });
  return firstFix(value);
}

function firstFix(report: DoctorReport | undefined): string | undefined {
  if (!report) throw new Error('doctor returned no report');
  return report.findings.find(({ result }) => result === 'fail')?.remedy;
}

async function works(command: string, env?: NodeJS.ProcessEnv): Promise<void> {
  const { code, stdout, stderr } = await shell.run(command, env);
  if (code !== 0) throw new Error(`${command}: ${stdout}${stderr}`);
}
