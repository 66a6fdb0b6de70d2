import { expect, onTestFinished, test } from 'vitest';
import type { CleanupReport, Removal } from '../../../lambda/cleanup.ts';
import { cleanupView, doctorView, problemsView, refreshView, statusView } from '../../../lambda/cli/views.ts';
import type { Finding } from '../../../lambda/doctor/report.ts';
import type { ClusterStatus, SecretStatus, StatusReport } from '../../../lambda/status.ts';
import { clusterReportOf, reportOf } from '../factories.ts';

const COUNTS = { missing: 1, expired: 0, stale: 0, blocked: 0, foreign: 0, fresh: 149, skipped: 0 };
const secrets: SecretStatus[] = Array.from({ length: 150 }, (_, at) => ({
  namespace: `team-${at}`,
  secret: 'ecr-docker-creds',
  condition: at === 0 ? 'missing' : 'fresh',
}));

function statusOf(cluster: Partial<ClusterStatus>, verbose = true, others: ClusterStatus[] = []): string {
  const report: StatusReport = {
    ok: false,
    action: 'status',
    startedAt: '2026-11-24T08:00:00.000Z',
    durationMs: 12,
    clusters: [{ id: 'prod', ok: false, counts: COUNTS, secrets, ...cluster }, ...others],
  };
  return statusView(report, { verbose });
}

test('a status shows the problems by their reason, then counts; fresh secrets only where they are asked for', () => {
  const gone = { reason: 'the secret does not exist', remedy: 'Refresh it.' };
  const stale = (namespace: string, ago: string): SecretStatus => {
    return {
      namespace,
      secret: 'x',
      condition: 'stale',
      reason: `its token was fetched ${ago} ago`,
      remedy: 'Refresh it.',
    };
  };
  const missing = Array.from({ length: 12 }, (_, at): SecretStatus => {
    return { namespace: `team-${at}`, secret: 'x', condition: 'missing', ...gone };
  });
  const found = [...missing, stale('a', '9 h 5 min'), stale('b', '9 h 7 min'), ...secrets.slice(1, 3)];
  const counts = { ...COUNTS, missing: 12, stale: 2, fresh: 2 };
  expect(statusOf({ secrets: found, counts }, false)).toBe(`not ok: status, in 12 ms

missing: the secret does not exist
  ${missing
    .slice(0, 10)
    .map(({ namespace }) => `${namespace}/x`)
    .join(', ')} and 2 more
stale: its token was fetched 9 h ago
  a/x, b/x
  -> Refresh it.

cluster prod: 12 missing, 2 stale, 2 fresh`);
  expect(statusOf({ secrets: found, counts }, true)).toContain(', team-11/x\n');
});

test('a status of several clusters has a line for each, the worst problems first', () => {
  const error = { code: 'X', reason: 'it does not answer', remedy: 'Wait.' };
  const one = (condition: SecretStatus['condition']): SecretStatus => {
    return { namespace: 'a', secret: 'x', condition, reason: condition, remedy: '' };
  };
  const other = { id: 'far', ok: false, counts: { ...COUNTS, fresh: 0 }, secrets: [one('missing')], error };
  expect(
    statusOf({ secrets: [one('blocked')], counts: { ...COUNTS, missing: 0, blocked: 1 } }, false, [other]),
  ).toBe(
    `not ok: status, in 12 ms

failed: it does not answer
  cluster far
  -> Wait.

missing: missing
  a/x in far

blocked: blocked
  a/x in prod

cluster prod: 1 blocked, 149 fresh
cluster far: failed, 1 missing`,
  );
});

function doctorOf(findings: readonly Finding[], verbose = false): string {
  const secrets = [{ id: 'prod', counts: { ...COUNTS, blocked: 2 } }];
  const report = { ok: false, startedAt: '2026-11-24T08:00:00.000Z', durationMs: 12, findings, secrets };
  return doctorView({ ...report, action: 'doctor' }, { verbose });
}

const checks: Finding[] = [
  { step: 'settings', object: 'x', result: 'pass', reason: 'valid' },
  ...['a', 'b'].map((object): Finding => {
    const remedy = 'Turn it on: aws eks update --name c. Then deploy: npx cdk deploy';
    return { step: 'right', object, result: 'fail', reason: 'no permission', remedy };
  }),
  { step: 'apply', object: 'c', result: 'unknown', reason: 'skipped', remedy: 'Fix that first.' },
];

test('a pass may have a command, which is on a line of its own too', () => {
  const remedy = 'See what it adds to a pod: kubectl run x';
  const pass: Finding = { step: 'admission policy', object: 'x', result: 'pass', reason: 'ours', remedy };
  expect(doctorOf([pass], true)).toContain(
    'pass admission policy: x: ours\n  -> See what it adds to a pod:\n     kubectl run x\n',
  );
});

test('a doctor shows problems only, each command on a line of its own, and ends with the state of the secrets', () => {
  expect(doctorOf(checks)).toBe(`not ok: doctor, in 12 ms

fail: right: no permission
  a, b
  -> Turn it on:
     aws eks update --name c
     Then deploy:
     npx cdk deploy

unknown: apply: skipped
  c
  -> Fix that first.

checks: 2 fail, 1 unknown, 1 pass

secrets of cluster prod: 1 missing, 2 blocked, 149 fresh`);
});

test('--verbose lists the checks that pass as well', () => {
  expect(doctorOf(checks)).not.toContain('pass settings: x: valid');
  expect(doctorOf(checks, true)).toContain('\n\npass settings: x: valid\n');
});

test.for([40, 60, 80])(
  'within %i columns lines break at spaces, and neither names nor commands do',
  (width) => {
    const name = `arn:aws:eks:eu-west-1:111122223333:cluster/${'a-long-name-'.repeat(5)}x`;
    const command = `kubectl delete secret -n ${'some-name-'.repeat(12)}x ecr-docker-creds --wait`;
    const text = 'the reason is one that has so many words that no terminal shows it in one line of its own';
    Object.defineProperty(process.stdout, 'columns', { value: width, configurable: true });
    onTestFinished(() => {
      Object.defineProperty(process.stdout, 'columns', { value: undefined, configurable: true });
    });
    const problems = [name, 'b', 'c'].map((object) => {
      return { kind: 'failed', object, reason: text, remedy: `${text}: ${command}` };
    });
    const lines = problemsView(problems).split('\n');
    expect(lines).toContain(`     ${command}`);
    expect(lines.some((line) => line.includes(name))).toBe(true);
    const long = lines.filter((line) => line.length > width);
    expect(long.filter((line) => !line.includes(name) && !line.includes(command))).toEqual([]);
    expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toContain(text);
  },
);

test('--verbose lists all secrets, and counts those that the function left out', () => {
  expect(statusOf({})).toMatch(/^team-149 +ecr-docker-creds +fresh/m);
  expect(statusOf({})).not.toContain('more');
  expect(statusOf({ moreSecrets: 1_000 })).toContain('and 1000 more: --namespaces narrows it');
});

const policy = {
  state: 'missing',
  reason: 'the admission policy x is not in force',
  remedy: 'Apply it.',
} as const;

test('a policy that is missing is a warning with its remedy, and the run is ok', () => {
  const text = refreshView(reportOf({ clusters: [clusterReportOf({ id: 'prod', policy })] }));
  expect(text).toContain('warning: the admission policy x is not in force\n  cluster prod\n  -> Apply it.');
});

test('of one that is in force nothing is said', () => {
  const inForce = clusterReportOf({ policy: { state: 'in force' } });
  expect(refreshView(reportOf({ clusters: [inForce] }))).not.toMatch(/warning|policy/);
});

function cleanupOf(dryRun: boolean): string {
  const removal = (namespace: string, outcome: Removal['outcome']) => ({
    namespace,
    object: 'secret x',
    outcome,
  });
  const report: CleanupReport = {
    ok: false,
    action: 'cleanup',
    dryRun,
    startedAt: '2026-11-24T08:00:00.000Z',
    durationMs: 12,
    cluster: 'prod',
    removed: 1,
    kept: 1,
    ignored: 0,
    failed: 1,
    removals: [removal('broken', 'failed'), removal('copied', 'kept'), removal('old', 'removed')],
  };
  return cleanupView(report);
}

test.for([
  [false, 'removed'],
  [true, 'would be removed'],
] as const)('a secret that is kept is not listed as removed (dry run: %s)', ([dryRun, removed]) => {
  const text = cleanupOf(dryRun);
  expect(text).toMatch(/^failed: .*\n {2}broken: secret x$/m);
  expect(text).toMatch(/^kept: .*\n {2}copied: secret x$/m);
  expect(text).toContain(
    `NAMESPACE  OBJECT\nold        secret x\n\n1 ${removed}, 1 kept, 0 ignored, 1 failed`,
  );
});
