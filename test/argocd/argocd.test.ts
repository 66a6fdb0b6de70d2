import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { argocdSettingsProgram } from '../e2e/control-plane/build.ts';
import { REGISTRY_HOST } from '../e2e/expected.ts';
import { done, makeNamespaces, readSecret } from '../e2e/objects.ts';
import { permit } from '../e2e/rights.ts';
import { CLUSTER, startWorld, type World } from '../e2e/world.ts';
import { ENTRANCE } from '../sandbox/aws/registries.ts';

const NAMESPACE = 'argocd';
const URLS = {
  charts: `${REGISTRY_HOST}/charts`,
  manifests: `oci://${REGISTRY_HOST}/manifests/app`,
  templates: `${REGISTRY_HOST}/team`,
};

/** What Argo CD reads of a secret: test/e2e/go/argocd-settings/main.go. */
interface Read {
  readonly name: string;
  readonly url: string;
  readonly type: string;
  readonly enableOCI: boolean;
  readonly username: string;
  readonly passwordHash: string;
  readonly problem: string;
}

const encode = (text: string) => Buffer.from(text).toString('base64');
const decode = (text = '') => Buffer.from(text, 'base64').toString();
const encoded = (data: Record<string, string>) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)]));

/** The settings for what is declared. */
const repositories = () =>
  Object.entries(DECLARED).map(([name, { data }]) => ({
    type: 'argocd-repository' as const,
    name,
    namespace: NAMESPACE,
    url: data.url ?? '',
    enableOCI: data.enableOCI === 'true',
    clusters: ['*'],
  }));

let program: string;
let world: World;
let registry: Server;

/** The secrets as Git declares them. */
const DECLARED: Record<keyof typeof URLS, { label: string; data: Record<string, string> }> = {
  charts: {
    label: 'repository',
    data: { type: 'helm', name: 'charts', url: URLS.charts, enableOCI: 'true' },
  },
  manifests: { label: 'repository', data: { type: 'oci', name: 'manifests', url: URLS.manifests } },
  templates: { label: 'repo-creds', data: { type: 'helm', url: URLS.templates, enableOCI: 'true' } },
};

beforeAll(async () => {
  program = await argocdSettingsProgram();
  world = await startWorld();
  registry = await startRegistry(`${world.aws.origin}${ENTRANCE}${REGISTRY_HOST}`);
  await makeNamespaces(world.admin, [NAMESPACE]);
  await permit(world.admin, {
    clusters: [{ name: CLUSTER }],
    secrets: [{ namespaces: { include: ['default'] } }, ...repositories()],
  });
  for (const [name, { label, data }] of Object.entries(DECLARED)) {
    const metadata = { name, labels: { 'argocd.argoproj.io/secret-type': label } };
    const path = `/api/v1/namespaces/${NAMESPACE}/secrets?fieldManager=argocd-controller`;
    await done(world.admin, 'POST', path, { metadata, data: encoded(data) });
  }
  const { report } = await world.invoke({ secrets: repositories() });
  expect(report).toMatchObject({ ok: true, clusters: [{ refreshed: 3, blocked: 0, failed: 0 }] });
});

afterAll(async () => {
  registry?.close();
  await world?.stop();
});

/** A registry without TLS that hands all requests to the one of the emulated ECR. */
async function startRegistry(target: string): Promise<Server> {
  const server = createServer(async ({ url, headers: { authorization } }, response) => {
    const answer = await fetch(`${target}${url}`, { headers: authorization ? { authorization } : {} });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(await answer.text());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** What Argo CD reads of a secret for a URL of an application, and whether it can log in to the registry by it. */
async function readByArgocd(secret: object, url: string): Promise<Read> {
  const { port } = registry.address() as AddressInfo;
  const args = [url, `127.0.0.1:${port}/charts`];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.end(JSON.stringify(secret));
  return (await json(child.stdout)) as Read;
}

async function secretOf(name: string) {
  const secret = await readSecret(world.admin, NAMESPACE, name);
  if (!secret) throw new Error(`there is no secret ${name}`);
  return secret;
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

describe("Argo CD's own code", () => {
  test.each([
    ['charts', URLS.charts, 'helm'],
    ['manifests', URLS.manifests, 'oci'],
    // by the prefix of the URL of an application
    ['templates', `${URLS.templates}/app`, 'helm'],
  ] as const)('reads the credentials of %s, and logs in by them', async (name, url, type) => {
    const secret = await secretOf(name);
    const read = await readByArgocd(secret, url);
    expect(read).toMatchObject({ url, username: 'AWS', problem: '' });
    expect(read.passwordHash).toBe(hashOf(decode(secret.data.password)));
    if (name !== 'templates') expect(read).toMatchObject({ name, type });
  });

  test('could not log in by the secret as it is declared, or by another password', async () => {
    const secret = await secretOf('charts');
    const declared = { ...secret, data: encoded(DECLARED.charts.data) };
    const wrong = { ...secret, data: { ...secret.data, password: encode('wrong') } };
    expect((await readByArgocd(declared, URLS.charts)).problem).toContain('basic credential not found');
    expect((await readByArgocd(wrong, URLS.charts)).problem).toContain('401');
  });

  test('reads the next token after the next run', async () => {
    const before = await readByArgocd(await secretOf('charts'), URLS.charts);
    await world.invoke({ secrets: repositories() });
    const after = await readByArgocd(await secretOf('charts'), URLS.charts);
    expect(after).toMatchObject({ username: 'AWS', problem: '' });
    expect(after.passwordHash).not.toBe(before.passwordHash);
  });
});
