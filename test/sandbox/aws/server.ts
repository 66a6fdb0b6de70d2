import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { devNull } from 'node:os';
import type { Principal } from '../signatures.ts';
import { createCloudFormation } from './cloudformation.ts';
import { handle } from './dispatch.ts';
import { createEcr, createEcrPublic } from './ecr.ts';
import { type ClusterOptions, clusterKey, createEks } from './eks.ts';
import { createEventBridge, type Rule } from './eventbridge.ts';
import { type AwsCall, type AwsFaultPlan, AwsFaults, type PlannedFault } from './faults.ts';
import { Identities, type RoleOptions } from './identities.ts';
import { createLambda, type FunctionCode } from './lambda.ts';
import { createLogs, type SubscriptionFilter } from './logs.ts';
import { ENTRANCE, Registries } from './registries.ts';
import { createSecretsManager, type SecretOptions, secretArn } from './secrets-manager.ts';
import { createSsm } from './ssm.ts';
import { createStates, type StateMachineCode } from './states.ts';
import { createSts } from './sts.ts';
import { WebIdentityIssuer } from './web-identity.ts';

export interface AwsOptions {
  /** The function's own account. Default `111122223333`. */
  accountId?: string;
  /** The function's own region. Default `eu-west-1`. */
  region?: string;
  /** The function's role. Default `arn:aws:iam::ACCOUNT:role/ecr-registry-helper`. */
  roleArn?: string;
  /** The clock, for expiry and signatures. Default: this machine's. */
  now?: () => Date;
}

type InOwnAccount<T extends { accountId: string; region: string }> = Omit<T, 'accountId' | 'region'> &
  Partial<Pick<T, 'accountId' | 'region'>>;

/** The AWS services that function and command line use, on loopback, for the real SDK clients. */
export interface AwsEmulator {
  readonly origin: string;
  readonly accountId: string;
  readonly region: string;
  /** The AWS_* variables that a process needs to act as the function: endpoints, region, temporary keys. */
  readonly env: Record<string, string>;
  /** The function's own principal: a session of its role. */
  readonly principal: Principal;
  /** All whose keys are good now: hand it to the Kubernetes emulator. */
  readonly principals: Iterable<Principal>;
  /** Every call so far, also the refused ones. */
  readonly calls: AwsCall[];
  /** The functions, by name. */
  readonly functions: Map<string, FunctionCode>;
  /** The environment variables of functions, by name. */
  readonly variables: Map<string, Readonly<Record<string, string>>>;
  /** The outputs of each stack, by its name. */
  readonly stacks: Map<string, Record<string, string>>;
  /** The state machines of Step Functions, by ARN. */
  readonly stateMachines: Map<string, StateMachineCode>;
  /** The rules of EventBridge, by name. */
  readonly rules: Map<string, Rule>;
  /** The subscription filters of each log group, by its name. */
  readonly subscriptions: Map<string, SubscriptionFilter[]>;
  /** Of the web identity tokens of the account. */
  readonly issuer: WebIdentityIssuer;
  /** The values of SSM parameters, by name. */
  readonly parameters: Map<string, string>;
  /** What answers for ECR's hosts in a process that called `toRegistries`. */
  readonly registries: Registries;
  now(): Date;
  /** Moves the emulator's clock on by so many milliseconds. */
  advance(ms: number): void;
  addCluster(cluster: InOwnAccount<ClusterOptions>): void;
  removeCluster(cluster: InOwnAccount<Pick<ClusterOptions, 'name' | 'accountId' | 'region'>>): void;
  /** Adds a secret, or gives one of that name a new value. Returns its full ARN. */
  addSecret(secret: InOwnAccount<SecretOptions>): string;
  /** A role that those it trusts may assume. */
  addRole(role: RoleOptions): void;
  /** A user with keys for good. */
  addUser(arn: string, keys?: { accessKeyId: string; secretAccessKey: string }): Principal;
  /** Keys of a session of a role, as Lambda or EC2 hands them out, good for so many seconds (default one hour). */
  addSession(roleArn: string, sessionName: string, seconds?: number): Principal;
  /** Takes keys away from everybody who uses them. */
  removeKeys(accessKeyId: string): void;
  /** Denies a role, session or user an action such as `ecr:GetAuthorizationToken`. */
  deny(principalArn: string, action: string): void;
  /** Takes a {@link deny} back. */
  allow(principalArn: string, action: string): void;
  fail(plan: AwsFaultPlan): PlannedFault;
  /** Ends every connection, also stalled ones. */
  close(): Promise<void>;
}

/** Starts the emulator on 127.0.0.1 and a free port; each service has a path prefix of its own. */
export async function startAws(options: AwsOptions = {}): Promise<AwsEmulator> {
  const { accountId = '111122223333', region = 'eu-west-1', now: clock = () => new Date() } = options;
  const roleArn = options.roleArn ?? `arn:aws:iam::${accountId}:role/ecr-registry-helper`;
  let ahead = 0;
  const now = () => new Date(clock().getTime() + ahead);
  const own = { accountId, region };

  const identities = new Identities(now);
  const clusters = new Map<string, ClusterOptions>();
  const secrets = new Map<string, SecretOptions>();
  const functions = new Map<string, FunctionCode>();
  const variables = new Map<string, Readonly<Record<string, string>>>();
  const stacks = new Map<string, Record<string, string>>();
  const stateMachines = new Map<string, StateMachineCode>();
  const rules = new Map<string, Rule>();
  const subscriptions = new Map<string, SubscriptionFilter[]>();
  const parameters = new Map<string, string>();
  const registries = new Registries(now);
  const issuer = new WebIdentityIssuer();
  const faults = new AwsFaults();
  const calls: AwsCall[] = [];
  const services = [
    createEcr(registries),
    createEcrPublic(),
    createEks(clusters),
    createSts(identities, issuer),
    createSecretsManager(secrets),
    createLambda(functions, variables),
    createCloudFormation(stacks),
    createStates(stateMachines),
    createEventBridge(rules),
    createLogs(subscriptions),
    createSsm(parameters),
  ];
  // The role's name is the session's too, as Lambda takes the function's. Its keys outlive any test.
  const { principal } = identities.openSession(roleArn, 'ecr-registry-helper', 2 * 365 * 86_400);

  const server = createServer((request, response) => {
    if (request.url?.startsWith(ENTRANCE)) registries.handle(request, response);
    else void handle(request, response, { services, identities, faults, calls, now });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    origin,
    accountId,
    region,
    principal,
    principals: { [Symbol.iterator]: () => identities.principals() },
    calls,
    functions,
    variables,
    stacks,
    stateMachines,
    rules,
    subscriptions,
    parameters,
    issuer,
    registries,
    now,
    env: {
      AWS_ENDPOINT_URL_ECR: `${origin}/ecr`,
      AWS_ENDPOINT_URL_ECR_PUBLIC: `${origin}/ecr-public`,
      AWS_ENDPOINT_URL_EKS: `${origin}/eks`,
      AWS_ENDPOINT_URL_STS: `${origin}/sts`,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `${origin}/secretsmanager`,
      AWS_ENDPOINT_URL_EVENTBRIDGE: `${origin}/events`,
      AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: `${origin}/logs`,
      AWS_ENDPOINT_URL_SSM: `${origin}/ssm`,
      AWS_ENDPOINT_URL_LAMBDA: `${origin}/lambda`,
      EMULATED_AWS: origin,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: principal.accessKeyId,
      AWS_SECRET_ACCESS_KEY: principal.secretAccessKey,
      AWS_SESSION_TOKEN: principal.sessionToken ?? '',
      // Nothing of the developer's own account may get in.
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    advance: (ms) => {
      ahead += ms;
    },
    addCluster: (cluster) => {
      const whole = { ...own, ...cluster };
      clusters.set(clusterKey(whole), whole);
    },
    removeCluster: (cluster) => {
      clusters.delete(clusterKey({ ...own, ...cluster }));
    },
    addSecret: (secret) => {
      const whole = { ...own, ...secret };
      const arn = secretArn(whole);
      secrets.set(arn, whole);
      return arn;
    },
    addRole: (role) => identities.addRole(role),
    addUser: (arn, keys) => identities.addUser(arn, keys),
    addSession: (arn, name, seconds = 3_600) => identities.openSession(arn, name, seconds).principal,
    removeKeys: (accessKeyId) => identities.forget(accessKeyId),
    deny: (arn, action) => identities.deny(arn, action),
    allow: (arn, action) => identities.allow(arn, action),
    fail: (plan) => faults.plan(plan),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
