import { setTimeout as wait } from 'node:timers/promises';
import type { AwsClients, VpcFunctionRoles } from './aws.ts';
import { SettingsError } from './errors.ts';
import type { OpenCluster } from './kubernetes/client.ts';
import type { FoundCluster } from './kubernetes/cluster.ts';
import type { PullCredentials } from './registries/credentials.ts';
import type { RunRequest, Scope } from './request.ts';
import type { ClusterSettings, SecretEntry, Settings } from './settings/schema.ts';

/** The version of this package, as audit logs show it in the user agent. */
export const VERSION = '0.1.0';

/**
 * The URL of the project's files at this version, with "/" at its end: before `docs/…` it makes a link. A release fills it
 * in; while it is empty, messages name the files of the repository.
 */
export const FILES_URL = '';

/** All that an action gets: what to do, for whom, until when, and by which clients. */
export interface RunContext {
  /** With the locations of all clusters filled in. */
  readonly settings: Settings;
  readonly request: RunRequest;
  readonly scope: Scope;
  readonly environment: Environment;
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly deadline: Deadline;
  readonly aws: AwsClients;
  /** @throws HelperError of the first registry that cannot be read */
  readonly readCredentials: (entry: SecretEntry) => Promise<PullCredentials>;
  /** Finds a cluster, without a request to its API server. @throws HelperError */
  readonly findCluster: (cluster: ClusterSettings) => Promise<FoundCluster>;
  /** @throws HelperError */
  readonly openCluster: (cluster: ClusterSettings) => Promise<OpenCluster>;
}

/** Where this runs, and the commands for it. What is optional is undefined outside of the deployed function. */
export interface Environment {
  readonly region: string;
  /** The command that deploys it again, as it was deployed. */
  readonly deployCommand: string;
  /** The command that prints its permissions; it needs a `--cluster`. */
  readonly rbacCommand: string;
  readonly functionName?: string | undefined;
  /** Of the rule that starts the function. */
  readonly ruleName?: string | undefined;
  /** Under which SSM has the settings that do not fit in the environment. */
  readonly settingsPath?: string | undefined;
  /** With which the ARNs of the pull roles begin. */
  readonly pullRolePrefix?: string | undefined;
  /** Only of a VPC function. */
  readonly vpcRoles?: VpcFunctionRoles | undefined;
}

/** Reads where this runs from its environment variables. @throws SettingsError without a region */
export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const {
    AWS_REGION: region,
    ACCESS_ROLE_ARN: accessRoleArn,
    CREDENTIALS_ROLE_ARN: credentialsRoleArn,
  } = env;
  if (!region) throw new SettingsError('the environment variable AWS_REGION is missing');
  const { AWS_LAMBDA_FUNCTION_NAME: functionName, DEPLOYED_BY: deployedBy = '' } = env;
  // flags of the CDK app of this project, the guide to templates without CDK, or a stack of another app
  const isOwnApp = deployedBy.startsWith('-c ');
  const isGuide = deployedBy.endsWith('.md');
  return {
    region,
    functionName,
    deployCommand: isGuide ? deployedBy : `npx cdk deploy ${isOwnApp ? '--all ' : ''}${deployedBy}`.trimEnd(),
    rbacCommand: isOwnApp
      ? `npm run -s rbac -- ${deployedBy}`
      : `${isGuide ? 'npm run -s rbac --' : 'npx ecr-registry-helper rbac'} --function ${functionName} --region ${region}`,
    ruleName: env.RULE_NAME,
    settingsPath: env.SETTINGS_PATH,
    pullRolePrefix: env.PULL_ROLE_PREFIX,
    ...(accessRoleArn && credentialsRoleArn && { vpcRoles: { accessRoleArn, credentialsRoleArn } }),
  };
}

/** The command that applies the permissions of the settings in a cluster. @param cluster its id */
export function applyRbacCommand({ rbacCommand }: Environment, cluster: string): string {
  return `${rbacCommand} --cluster ${cluster} | kubectl apply -f -`;
}

/** The time; injected, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects at once when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `call` after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => wait(ms, undefined, { signal }),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** When a run has to end, so that there is time left to report. */
export interface Deadline {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Aborts then. */
  readonly signal: AbortSignal;
}

/** Starts a deadline at `at` (ms since the epoch); `stop` must be called, else its timer stays. */
export function startDeadline(clock: Clock, at: number): Deadline & { stop(): void } {
  const due = new AbortController();
  const stopped = new AbortController();
  clock.sleep(Math.max(0, at - clock.now()), stopped.signal).then(
    () => due.abort(),
    () => undefined,
  );
  return { at, signal: due.signal, stop: () => stopped.abort() };
}
