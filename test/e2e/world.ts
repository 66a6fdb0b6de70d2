import { fileURLToPath } from 'node:url';
import { systemClock } from '../../lambda/context.ts';
import type { Answer } from '../../lambda/handler.ts';
import { eksTokens, stsSigner } from '../../lambda/kubernetes/eks.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { findSecrets } from '../sandbox/aws/canary.ts';
import { type AwsEmulator, startAws } from '../sandbox/aws/server.ts';
import type { Principal } from '../sandbox/signatures.ts';
import { type ApiClient, createApiClient } from './control-plane/api-client.ts';
import { type ControlPlane, startControlPlane } from './control-plane/start.ts';
import { invoke, type Lambda, type RunRequest } from './function/invoke.ts';
import {
  type Arrival,
  type RecordedRequest,
  type RecordingProxy,
  type RecordingProxyOptions,
  startRecordingProxy,
} from './recording-proxy.ts';

export const CLUSTER = 'prod';
export const DEPLOYMENT = 'ecr-registry-helper';

/** What was said to the API server while a test recorded it. */
export interface Recording<Result> {
  readonly result: Result;
  readonly requests: readonly RecordedRequest[];
  readonly arrivals: readonly Arrival[];
  readonly tlsSessions: number;
}

/** An account with one real cluster, which knows the roles of some deployments. */
export interface World {
  readonly aws: AwsEmulator;
  readonly controlPlane: ControlPlane;
  /** The cluster's API as its administrator. */
  readonly admin: ApiClient;
  /**
   * Invokes the function with settings that, unless they say otherwise, are about the cluster, and with the role
   * that has the name of `role` (default: that of the settings).
   * @throws {Error} if its output shows a secret
   */
  invoke<Of extends Answer = Report>(
    settings: Partial<SettingsInput>,
    event?: object,
    role?: string,
    lambda?: Partial<Lambda>,
  ): Promise<RunRequest<Of>>;
  /** The cluster's API as the role of a deployment, by a bearer token as the function signs it. */
  actAs(role: string): Promise<ApiClient>;
  /** Does `work` while the cluster's endpoint is a proxy that writes down what passes. */
  record<Result>(
    work: () => Promise<Result>,
    beforeAnswer?: RecordingProxyOptions['beforeAnswer'],
  ): Promise<Recording<Result>>;
  stop(): Promise<void>;
}

/** Spares the function's processes the compiling of the bundle that the one before them has done. */
export const COMPILE_CACHE = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../.cache/compile/', import.meta.url)),
};

/**
 * Starts a world whose cluster maps a role to a group for each of the deployments.
 * @param runtime what the function's processes have in their environment beside what AWS and the test put there
 */
export async function startWorld(
  deployments: readonly string[] = [DEPLOYMENT],
  runtime: Record<string, string> = COMPILE_CACHE,
  { auditLog = false, accountAdmission = false } = {},
): Promise<World> {
  const aws = await startAws();
  const roleArn = (name: string) => `arn:aws:iam::${aws.accountId}:role/${name}`;
  const controlPlane = await startControlPlane({
    clusterName: CLUSTER,
    region: aws.region,
    principals: aws.principals,
    auditLog,
    accountAdmission,
    mapRoles: deployments.map((name) => ({ roleArn: roleArn(name), username: name, groups: [name] })),
  });
  const point = ({ endpoint, caPem }: Pick<RecordingProxy, 'endpoint' | 'caPem'>) =>
    aws.addCluster({ name: CLUSTER, endpoint, caPem });
  point(controlPlane);
  const sessions = new Map<string, Principal>();
  const sessionOf = (role: string): Principal => {
    const session = sessions.get(role) ?? aws.addSession(roleArn(role), 'e2e');
    sessions.set(role, session);
    return session;
  };
  const clients: ApiClient[] = [];
  const { admin } = controlPlane;
  return {
    aws,
    controlPlane,
    admin,
    async invoke<Of extends Answer = Report>(
      settings: Partial<SettingsInput>,
      event: object = {},
      role: string = settings.name ?? DEPLOYMENT,
      lambda?: Partial<Lambda>,
    ) {
      const env = {
        DEPLOYED_BY: '-c settings=settings.json',
        ...runtime,
        ...aws.env,
        ...keysOf(sessionOf(role)),
        SETTINGS: JSON.stringify({ clusters: [{ name: CLUSTER }], ...settings }),
      };
      const invocation = await invoke<Of>(event, env, lambda);
      const shown = findSecrets(JSON.stringify(invocation));
      if (shown.length > 0) throw new Error(`the output shows ${shown.join(', ')}`);
      return invocation;
    },
    async actAs(role) {
      const signer = stsSigner(aws.region, sessionOf(role));
      const token = await eksTokens(CLUSTER, aws.region, signer, systemClock).current();
      const client = createApiClient({ ...controlPlane, token: token.reveal() });
      clients.push(client);
      return client;
    },
    async record(work, beforeAnswer) {
      const proxy = await startRecordingProxy({ ...controlPlane, ...(beforeAnswer && { beforeAnswer }) });
      point(proxy);
      try {
        const result = await work();
        const { requests, arrivals, tlsSessions } = proxy;
        return { result, requests, arrivals, tlsSessions };
      } finally {
        point(controlPlane);
        await proxy.stop();
      }
    },
    async stop() {
      await Promise.all(clients.map((client) => client.close()));
      await Promise.all([controlPlane.stop(), aws.close()]);
    },
  };
}

function keysOf({ accessKeyId, secretAccessKey, sessionToken = '' }: Principal): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  };
}
