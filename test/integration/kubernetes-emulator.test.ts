import { request } from 'undici';
import { describe, expect, it, vi } from 'vitest';
import {
  agent,
  apply,
  applyPatch,
  aws,
  call,
  dockerConfigJson,
  group,
  kube,
  partialList,
  pathOf,
  pullSecret,
  reconnect,
  secretName,
  signToken,
  token,
  useEmulatedCluster,
} from './emulated-cluster.ts';

useEmulatedCluster();

describe('authentication', () => {
  const list = (bearer: string) => call('GET', '/api/v1/namespaces', { bearer });

  it('maps a session to the user and groups of its access entry', async () => {
    expect((await list(token)).code).toBe(200);
    expect(kube.requests.at(-1)).toMatchObject({
      user: 'arn:aws:sts::111122223333:assumed-role/ecr-registry-helper/ecr-registry-helper',
      userAgent: 'test/1',
      status: 200,
    });
  });

  it.each([
    ['another cluster', { cluster: 'staging' }],
    ['a global STS host', { host: 'sts.amazonaws.com' }],
    ['a host of another partition', { region: 'cn-north-1', host: 'sts.cn-north-1.amazonaws.com.cn' }],
    ['a query key that is not allowed', { query: { 'X-Amz-User-Agent': 'x' } }],
    ['another action', { query: { Action: 'GetSessionToken' } }],
  ])('refuses a token for %s', async (_, options) => {
    const answer = await list(await signToken(aws.principal, options));
    expect(answer).toMatchObject({ code: 401, body: { reason: 'Unauthorized', message: 'Unauthorized' } });
  });

  it('refuses a token of a wrong key, a spoilt one, and one of a role without an entry', async () => {
    const stranger = aws.addSession('arn:aws:iam::111122223333:role/stranger', 'x');
    const bearers = [
      await signToken({ ...aws.principal, secretAccessKey: 'wrong' }),
      `${token.slice(0, -1)}!`,
      `${token}${'A'.repeat(4_096)}`,
      await signToken(stranger),
    ];
    for (const bearer of bearers) expect((await list(bearer)).code).toBe(401);
    kube.accessEntries.push({
      principalArn: 'arn:aws:iam::111122223333:role/path/stranger',
      groups: [group],
    });
    expect((await list(await signToken(stranger))).code).toBe(200);
  });

  it('takes a token for 15 minutes', async () => {
    aws.advance(14.9 * 60_000);
    expect((await list(token)).code).toBe(200);
    aws.advance(5 * 60_000);
    expect((await list(token)).code).toBe(401);
  });

  it('lets nobody in without a token, as EKS since 1.32', async () => {
    const answer = await request(`${kube.endpoint}/api/v1/namespaces`, { dispatcher: agent });
    expect(answer.statusCode).toBe(401);
    expect(await answer.body.json()).toMatchObject({ reason: 'Unauthorized', message: 'Unauthorized' });
  });
});

describe('authorization', () => {
  it('allows what rules of bound roles allow, and names the rest as the server does', async () => {
    const other = await call('GET', pathOf('default', 'other'));
    const user = String(kube.requests.at(-1)?.user);
    const what = (verb: string) => `User "${user}" cannot ${verb} resource "secrets" in API group ""`;
    expect(other.code).toBe(403);
    expect(other.body.message).toBe(
      `secrets "other" is forbidden: ${what('get')} in the namespace "default"`,
    );
    const all = await call('GET', '/api/v1/secrets');
    expect(all.body.message).toBe(`secrets is forbidden: ${what('list')} at the cluster scope`);
  });

  it('wants the right to create for an apply that would create', async () => {
    kube.manifest.splice(0, 1, {
      kind: 'ClusterRole',
      metadata: { name: group },
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: [secretName], verbs: ['patch'] }],
    });
    kube.putSecret('team-a', secretName, {
      type: dockerConfigJson,
      stringData: { '.dockerconfigjson': '{}' },
    });
    const refused = await apply('default', pullSecret('1'));
    expect(refused.body.message).toMatch(
      /^secrets "ecr-docker-creds" is forbidden: .* cannot create resource "secrets"/,
    );
    expect((await apply('team-a', pullSecret('1'), '&force=true')).code).toBe(200);
    kube.hidesDeniedCreate = true;
    expect(await apply('default', pullSecret('1'))).toMatchObject({
      code: 403,
      body: { message: `secrets "${secretName}" is forbidden: ` },
    });
  });
});

describe('namespaces', () => {
  interface List {
    kind: string;
    metadata: { continue?: string; remainingItemCount?: number };
    items: { kind?: string; metadata: { name: string }; status?: object }[] | null;
  }
  const list = (query: string, accept = partialList) =>
    call<List>('GET', `/api/v1/namespaces?${query}`, { headers: { accept } });
  const names = async (query: string) => (await list(query)).body.items?.map(({ metadata }) => metadata.name);

  it('come as metadata or whole, as asked for', async () => {
    const { body } = await list('');
    expect(body.kind).toBe('PartialObjectMetadataList');
    expect(body.items?.[0]).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'default' } });
    expect(body.items?.[0]?.status).toBeUndefined();
    const whole = await list('', 'application/json');
    expect(whole.body.items?.[0]?.status).toEqual({ phase: 'Active' });
    expect((await list('', 'text/html')).code).toBe(406);
  });

  it('come in pages that all show the moment of the first', async () => {
    const first = await list('limit=2');
    expect(first.body.metadata.remainingItemCount).toBe(1);
    kube.addNamespace('zz-new');
    const { items, metadata } = (await list(`limit=2&continue=${first.body.metadata.continue}`)).body;
    expect(items?.map((item) => item.metadata.name)).toEqual(['team-b']);
    expect(metadata.continue).toBeUndefined();
  });

  it('answer 410 to a page that is too old', async () => {
    const first = await list('limit=2');
    kube.expireLists();
    const late = await call('GET', `/api/v1/namespaces?limit=2&continue=${first.body.metadata.continue}`);
    expect(late).toMatchObject({ code: 410, body: { reason: 'Expired' } });
  });

  it('are chosen by label and name', async () => {
    kube.addNamespace('team-a', { labels: { team: 'a', tier: '1' } });
    kube.addNamespace('team-b', { labels: { team: 'b' } });
    const by = (selector: string) => names(`labelSelector=${encodeURIComponent(selector)}`);
    expect(await by('team=a')).toEqual(['team-a']);
    expect(await by('team!=a')).toEqual(['default', 'team-b']);
    expect(await by('team in (a,b),!tier')).toEqual(['team-b']);
    expect(await by('team notin (a)')).toEqual(['default', 'team-b']);
    expect(await by('team')).toEqual(['team-a', 'team-b']);
    expect((await list('labelSelector=a%20b')).code).toBe(400);
    expect(await names('fieldSelector=metadata.name%3Dteam-a')).toEqual(['team-a']);
    // A Go slice that nothing was appended to.
    expect((await list('fieldSelector=metadata.name%3Dnone')).body.items).toBeNull();
  });
});

describe('faults', () => {
  it('make pages longer than a client reads, until it asks for fewer items', async () => {
    for (let at = 0; at < 20; at += 1) kube.addNamespace(`n-${at}`);
    kube.fault(({ method }) => (method === 'GET' ? { kind: 'oversized', limit: 10 } : undefined));
    const headers = { authorization: `Bearer ${token}` };
    const list = (query: string) =>
      request(`${kube.endpoint}/api/v1/namespaces?${query}`, { dispatcher: agent, headers });
    for (const query of ['limit=11', '']) {
      const { body } = await list(query);
      let bytes = 0;
      for await (const chunk of body) bytes += (chunk as Buffer).length;
      expect(bytes).toBeGreaterThan(32 * 1024 * 1024);
    }
    const page = (await (await list('limit=10')).body.json()) as { items: object[] };
    expect(page.items).toHaveLength(10);
  });

  it('are chosen by request and attempt', async () => {
    const seen: number[] = [];
    const stop = kube.fault(({ method, attempt }) => {
      if (method !== 'PATCH') return undefined;
      seen.push(attempt);
      return attempt === 1 ? { kind: 'status', status: 429, headers: { 'retry-after': '1' } } : undefined;
    });
    const first = await apply('default', pullSecret('1'));
    expect(first).toMatchObject({
      code: 429,
      body: { reason: 'TooManyRequests' },
      headers: { 'retry-after': '1' },
    });
    expect((await apply('default', pullSecret('1'))).code).toBe(201);
    stop();
    await apply('default', pullSecret('1'));
    expect(seen).toEqual([1, 2]);
  });

  it.each([true, false])(
    'cut connections before, after and amid the answer (HTTP/2: %s)',
    async (allowH2) => {
      await reconnect({ allowH2 });
      await apply('team-a', pullSecret('1'));
      expect(kube.requests.at(-1)?.httpVersion).toBe(allowH2 ? '2.0' : '1.1');
      for (const when of ['before', 'after', 'body'] as const) {
        kube.removeSecret('default', secretName);
        const stop = kube.fault(() => ({ kind: 'reset', when }));
        await expect(apply('default', pullSecret('1'))).rejects.toThrow();
        stop();
        expect(kube.secret('default', secretName) !== undefined).toBe(when !== 'before');
      }
      expect((await apply('default', pullSecret('1'))).code).toBe(200);
    },
  );

  it('spoil the body: half of the JSON, or a page of HTML', async () => {
    const stop = kube.fault(() => ({ kind: 'truncated' }));
    await expect(apply('default', pullSecret('1'))).rejects.toThrow(SyntaxError);
    stop();
    kube.fault(() => ({ kind: 'html', status: 502 }));
    await expect(apply('default', pullSecret('1'))).rejects.toThrow(SyntaxError);
    expect(kube.requests.map(({ status }) => status)).toEqual([201, 502]);
  });

  it('stall until released, and do nothing for a caller who has gone', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = kube.fault(() => ({ kind: 'stall', until: promise }));
    const waiting = apply('team-a', pullSecret('1'));
    const leaving = new AbortController();
    const path = `${kube.endpoint}${pathOf('default')}?fieldManager=${group}`;
    const headers = { authorization: `Bearer ${token}`, ...applyPatch };
    const body = JSON.stringify(pullSecret('1'));
    const impatient = request(path, {
      dispatcher: agent,
      method: 'PATCH',
      headers,
      body,
      signal: leaving.signal,
    });
    await vi.waitUntil(() => kube.requests.length === 2);
    leaving.abort();
    await expect(impatient).rejects.toThrow(/abort/i);
    stop();
    // A whole request after the abort, over the same connection: the server has seen the abort by then.
    await apply('team-b', pullSecret('1'));
    resolve();
    expect((await waiting).code).toBe(201);
    expect(kube.secret('default', secretName)).toBeUndefined();
  });
});

describe('connections', () => {
  it('are counted, and all closed in the end', async () => {
    await reconnect({ allowH2: false, connections: 4 });
    const names = Array.from({ length: 40 }, (_, index) => `n-${index}`);
    for (const name of names) kube.addNamespace(name);
    await Promise.all(names.map((name) => apply(name, pullSecret('1'))));
    expect(kube.secrets()).toHaveLength(40);
    expect(kube.tlsSessions).toBe(4);
    expect(kube.openSockets).toBe(4);
    await agent.destroy();
    await vi.waitUntil(() => kube.openSockets === 0);
  });
});
