import { expect } from 'vitest';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { CONDITIONS, type Condition } from '../../lambda/status.ts';
import { NAMESPACES } from './run.ts';

/** What a file of test/events has to give. */
export interface Expected {
  /** What the answer holds among other things. */
  readonly answer?: object;
  /** The error that refuses it, and what that says. */
  readonly refused?: readonly [code: string, problem: string];
  /** The secrets that it writes or removes, as CLUSTER/NAMESPACE. Default: none. */
  readonly changes?: readonly string[];
  /** A namespace of prod that is made after the last run. */
  readonly made?: string;
}

/** The settings that the files are written for. */
export const SETTINGS: SettingsInput = {
  clusters: [{ name: 'prod' }, { name: 'staging' }],
  secrets: [{ namespaces: { exclude: ['team-legacy'] } }],
  cleanup: true,
  newNamespaces: 'audit-log',
};
/** What the account's ECR has. */
export const REPOSITORY = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app';
const COVERED = [...NAMESPACES, 'team-a'];
/** The namespaces of both clusters; all hold a secret, as the last one was covered until now. */
export const ALL_NAMESPACES = [...COVERED, 'team-legacy'];

const inProd = COVERED.map((namespace) => `prod/${namespace}`);
const everywhere = [...inProd, ...COVERED.map((namespace) => `staging/${namespace}`)];
const both = (part: object) => ['prod', 'staging'].map((id) => ({ id, ok: true, ...part }));
const prod = (part: object) => [{ id: 'prod', ok: true, ...part }];
const refreshed = (count: number) => ({ created: 0, refreshed: count, blocked: 0, failed: 0 });
const fresh = (count: number) => ({
  counts: {
    ...(Object.fromEntries(CONDITIONS.map((name) => [name, 0])) as Record<Condition, 0>),
    fresh: count,
  },
});
const passed = (step: string, object: string) => expect.objectContaining({ step, object, result: 'pass' });

const wholeRefresh: Expected = {
  answer: { ok: true, action: 'refresh', clusters: both(refreshed(5)) },
  changes: everywhere,
};
const refreshOfOneNamespace: Expected = {
  answer: { ok: true, action: 'refresh', clusters: prod(refreshed(1)) },
  changes: ['prod/team-a'],
};

/** By the name of the file; the test fails for a file that is not here. */
export const EXPECTED: Readonly<Record<string, Expected>> = {
  'refresh-all': wholeRefresh,
  'refresh-one-cluster': {
    answer: { ok: true, action: 'refresh', clusters: prod(refreshed(5)) },
    changes: inProd,
  },
  // as it was due so long ago
  'refresh-item-of-a-fleet': {
    answer: { ok: true, action: 'refresh', clusters: prod(refreshed(5)) },
    changes: inProd,
  },
  'refresh-one-namespace': refreshOfOneNamespace,
  scheduled: wholeRefresh,
  // also of team-legacy, which is not covered
  'new-namespace': {
    made: 'team-new',
    answer: { ok: true, action: 'refresh', clusters: prod({ ...refreshed(0), created: 1, skipped: 0 }) },
    changes: ['prod/team-new'],
  },
  'failed-run-queued': wholeRefresh,
  'failed-run-of-a-namespace-queued': refreshOfOneNamespace,
  // of a secret that no entry uses
  'stored-secret-changed': { answer: { ok: true, action: 'refresh', clusters: [] } },
  plan: { answer: { ok: true, action: 'plan', clusters: both(refreshed(5)) } },
  'plan-one-namespace': { answer: { ok: true, action: 'plan', clusters: prod(refreshed(1)) } },
  status: { answer: { ok: true, action: 'status', clusters: both(fresh(5)) } },
  'status-one-namespace': { answer: { ok: true, action: 'status', clusters: prod(fresh(1)) } },
  doctor: {
    answer: {
      ok: true,
      action: 'doctor',
      findings: expect.arrayContaining([
        passed('cluster', 'cluster prod'),
        passed('cluster', 'cluster staging'),
      ]),
    },
  },
  'doctor-one-cluster': {
    answer: {
      ok: true,
      action: 'doctor',
      findings: expect.not.arrayContaining([expect.objectContaining({ object: 'cluster staging' })]),
    },
  },
  'doctor-repository': {
    answer: {
      ok: true,
      action: 'doctor',
      findings: expect.arrayContaining([passed('pull', REPOSITORY)]),
    },
  },
  'cleanup-dry-run': {
    answer: { ok: true, action: 'cleanup', dryRun: true, cluster: 'prod', removed: 1, kept: 5, failed: 0 },
  },
  cleanup: {
    answer: { ok: true, action: 'cleanup', dryRun: false, cluster: 'prod', removed: 1, kept: 5, failed: 0 },
    changes: ['prod/team-legacy'],
  },
  'cleanup-all': {
    answer: { ok: true, action: 'cleanup', dryRun: false, cluster: 'prod', removed: 6, kept: 0, failed: 0 },
    changes: [...inProd, 'prod/team-legacy'],
  },
  discover: {
    answer: {
      ok: true,
      action: 'discover',
      items: ['prod', 'staging'].map((id) => ({ action: 'refresh', clusters: [id] })),
      problems: [],
    },
  },
  summarize: { answer: { ok: true, action: 'summarize', clusters: 2, failed: [] } },
  'summarize-one-failed': {
    refused: ['FleetFailedError', '1 of 2 clusters were not refreshed: arn:aws:eks:eu-west-1:111122223333:'],
  },
  'unknown-action': { refused: ['EventError', 'unknown action "rotate"; expected one of refresh, plan, '] },
  'unknown-field': { refused: ['EventError', 'unknown field "cluster"; known are action, clusters, '] },
  'malformed-start': {
    refused: ['EventError', 'startedAt: "yesterday" is not the start time of a run'],
  },
  'cluster-not-covered': {
    refused: ['NotCoveredError', 'the settings cover no cluster "test"; known are prod, staging'],
  },
  'namespace-not-covered': {
    refused: ['NotCoveredError', 'the settings cover no namespace "team-legacy"; covered are *'],
  },
  'cleanup-without-confirm': { refused: ['EventError', 'confirm'] },
  'doctor-foreign-registry': { refused: ['EventError', 'registry.example.com'] },
  'failed-cleanup-queued': {
    refused: ['EventError', 'Records[0].body is of a cleanup; only a refresh is retried'],
  },
};
