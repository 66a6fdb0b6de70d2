import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { Agent, request } from 'undici';
import { afterEach, beforeEach } from 'vitest';
import { type AwsEmulator, startAws } from '../sandbox/aws/server.ts';
import { type KubernetesEmulator, startKubernetes } from '../sandbox/kubernetes/server.ts';
import type { Status } from '../sandbox/kubernetes/status.ts';
import type { Principal } from '../sandbox/signatures.ts';

export const roleArn = 'arn:aws:iam::111122223333:role/ecr-registry-helper';
export const group = 'ecr-registry-helper';
export const secretName = 'ecr-docker-creds';
export const dockerConfigJson = 'kubernetes.io/dockerconfigjson';
export const applyPatch = { 'content-type': 'application/apply-patch+yaml' };
export const partialList = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
export const partial = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

export const manifest = () => [
  {
    kind: 'ClusterRole',
    metadata: { name: group },
    rules: [
      { apiGroups: [''], resources: ['namespaces'], verbs: ['list'] },
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: [secretName],
        verbs: ['get', 'patch', 'create', 'delete'],
      },
    ],
  },
  {
    kind: 'ClusterRoleBinding',
    metadata: { name: group },
    roleRef: { kind: 'ClusterRole', name: group },
    subjects: [{ kind: 'Group', name: group }],
  },
];

export let aws: AwsEmulator;
export let kube: KubernetesEmulator;
export let agent: Agent;
export let token: string;

/** Starts an emulated cluster and a client of it before each test of a file, and ends both after it. */
export function useEmulatedCluster(): void {
  beforeEach(async () => {
    aws = await startAws();
    kube = await startKubernetes({
      principals: aws.principals,
      accessEntries: [{ principalArn: roleArn, groups: [group] }],
      manifest: manifest(),
      namespaces: ['default', 'team-a', 'team-b'],
      now: aws.now,
    });
    agent = new Agent({ connect: { ca: kube.caPem } });
    token = await signToken(aws.principal);
  });

  afterEach(async () => {
    await agent.destroy();
    await kube.close();
    await aws.close();
  });
}

/** Ends the connections of the client, and makes those to come in another way. */
export async function reconnect(options: Agent.Options): Promise<void> {
  await agent.destroy();
  agent = new Agent({ ...options, connect: { ca: kube.caPem } });
}

class Sha256 extends Hash {
  constructor(secret?: ConstructorParameters<typeof Hash>[1]) {
    super('sha256', secret);
  }
}

interface Presign {
  cluster?: string;
  region?: string;
  host?: string;
  query?: Record<string, string>;
}

export async function signToken(credentials: Principal, options: Presign = {}): Promise<string> {
  const { cluster = 'prod', region = 'eu-west-1', query } = options;
  const host = options.host ?? `sts.${region}.amazonaws.com`;
  const signer = new SignatureV4({
    service: 'sts',
    region,
    credentials,
    sha256: Sha256,
    applyChecksum: false,
  });
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname: host,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15', ...query },
      headers: { host, 'x-k8s-aws-id': cluster },
    },
    { expiresIn: 60, unhoistableHeaders: new Set(['x-k8s-aws-id']), signingDate: aws.now() },
  );
  const pairs = Object.entries(signed.query ?? {}).map(
    ([key, value]) => `${key}=${encodeURIComponent(String(value))}`,
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}/?${pairs.join('&')}`).toString('base64url')}`;
}

interface Call {
  body?: object;
  headers?: Record<string, string>;
  bearer?: string;
}

export async function call<T = Status>(
  method: string,
  path: string,
  { body, headers, bearer = token }: Call = {},
) {
  const answer = await request(kube.endpoint + path, {
    dispatcher: agent,
    method,
    headers: { authorization: `Bearer ${bearer}`, 'user-agent': 'test/1', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { code: answer.statusCode, headers: answer.headers, body: (await answer.body.json()) as T };
}

export const pathOf = (namespace: string, name = secretName) =>
  `/api/v1/namespaces/${namespace}/secrets/${name}`;

export function pullSecret(auth: string, rest: object = {}, metadata: object = {}) {
  const config = JSON.stringify({ auths: { host: { auth } } });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName, labels: { 'app.kubernetes.io/managed-by': group }, ...metadata },
    type: dockerConfigJson,
    data: { '.dockerconfigjson': Buffer.from(config).toString('base64') },
    ...rest,
  };
}

export const apply = <T = Status>(
  namespace: string,
  body: object,
  query = '',
  headers: Record<string, string> = {},
) =>
  call<T>('PATCH', `${pathOf(namespace)}?fieldManager=${group}${query}`, {
    body,
    headers: { ...applyPatch, ...headers },
  });
