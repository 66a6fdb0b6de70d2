import { X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HelperError } from '../../../lambda/errors.ts';
import { readKubeconfig } from '../../../lambda/kubernetes/kubeconfig.ts';
import { createAuthority } from '../../sandbox/certificates.ts';
import { type KubeconfigParts, kubeconfigJson, kubeconfigParts } from '../../sandbox/kubeconfig.ts';

const CANARY = 'CanaryHunter2';
const now = Date.now();
const authority = await createAuthority('edge');
const caPem = authority.certificatePem;
const subject = { commonName: 'helper', organization: 'ecr-registry-helper', usage: 'client' } as const;
const certificate = await authority.issue(subject);
const other = await authority.issue(subject);
const ended = await authority.issue({ ...subject, notAfter: new Date(now - 60_000) });
const place = { endpoint: 'https://edge.example.com:6443', caPem };
const byToken = kubeconfigParts(place, CANARY);
const byCertificate = kubeconfigParts(place, certificate);
const base64 = (text: string) => Buffer.from(text).toString('base64');

const read = (config: Record<string, unknown>, isPublic = false) =>
  readKubeconfig('edge-kubeconfig', config, { now, isPublic, hasUser: true });
const changed = (parts: KubeconfigParts, more: Partial<KubeconfigParts>) =>
  kubeconfigJson({ cluster: { ...parts.cluster, ...more.cluster }, user: { ...parts.user, ...more.user } });

/** What is told of a kubeconfig that is refused, in every form. */
function refusal(config: Record<string, unknown>): HelperError {
  try {
    read(config);
  } catch (fault) {
    if (!(fault instanceof HelperError)) throw fault;
    const shown = `${inspect(fault, { depth: null, showHidden: true })} ${JSON.stringify(fault)}`;
    expect(shown).not.toContain(CANARY);
    expect(shown).not.toContain('BEGIN');
    return fault;
  }
  expect.fail('it was taken');
}

describe('taken are', () => {
  test('a token', () => {
    const { endpoint, token, certificateEnd } = read(kubeconfigJson(byToken));
    expect(endpoint).toMatchObject({
      url: place.endpoint,
      caPem: expect.stringContaining('BEGIN CERTIFICATE'),
    });
    expect(token?.reveal()).toBe(CANARY);
    expect([certificateEnd, endpoint.clientCertificate, endpoint.serverName]).toEqual(
      Array(3).fill(undefined),
    );
  });

  test('a client certificate with its key, which is not shown', () => {
    const taken = read(kubeconfigJson(byCertificate));
    const { endpoint, token, certificateEnd } = taken;
    expect(token).toBeUndefined();
    expect(certificateEnd).toEqual(new X509Certificate(certificate.certificatePem).validToDate);
    expect(endpoint.clientCertificate?.key.reveal()).toBe(certificate.keyPem.trim());
    expect(`${inspect(taken, { depth: null })}${JSON.stringify(taken)}`).not.toContain('PRIVATE KEY');
  });

  test.each([
    [
      'https://rancher.example.com/k8s/clusters/c-m-abc12xyz',
      'https://rancher.example.com/k8s/clusters/c-m-abc12xyz',
    ],
    [
      'https://rancher.example.com/k8s/clusters/c-m-abc12xyz/',
      'https://rancher.example.com/k8s/clusters/c-m-abc12xyz',
    ],
    ['https://kcp.example.com:6443/clusters/root:org', 'https://kcp.example.com:6443/clusters/root:org'],
    ['HTTPS://Rancher.Example.com:443/k8s', 'https://rancher.example.com/k8s'],
    ['https://[2001:db8::1]:6443/a_b/~c.d', 'https://[2001:db8::1]:6443/a_b/~c.d'],
    ['https://edge.example.com:6443/', 'https://edge.example.com:6443'],
  ])('the server %s', (server, url) => {
    expect(read(changed(byToken, { cluster: { server } })).endpoint.url).toBe(url);
  });

  test('a token of Rancher, with a colon', () => {
    const token = 'kubeconfig-user-abc12xyz:xwv9-aBc';
    expect(read(changed(byToken, { user: { token } })).token?.reveal()).toBe(token);
  });

  test('no authority, where the settings ask for a public certificate; one that is there counts', () => {
    const cluster = { 'certificate-authority-data': undefined };
    expect(
      read(JSON.parse(JSON.stringify(changed(byToken, { cluster }))), true).endpoint.caPem,
    ).toBeUndefined();
    expect(read(kubeconfigJson(byToken), true).endpoint.caPem).toContain('BEGIN CERTIFICATE');
  });

  test('a name for the certificate of the server, several authorities, and text around PEM', () => {
    const data = base64(`subject=CN = edge\n${caPem}\n${caPem}`);
    const cluster = { 'tls-server-name': 'kubernetes', 'certificate-authority-data': data };
    const { endpoint } = read(changed(byToken, { cluster }));
    expect(endpoint.serverName).toBe('kubernetes');
    expect(endpoint.caPem?.match(/BEGIN/g)).toHaveLength(2);
  });

  test('the only context, where none is named, and what the named one says among others', () => {
    expect(read({ ...kubeconfigJson(byToken), 'current-context': '' }).endpoint.url).toBe(place.endpoint);
    const config = kubeconfigJson(byToken) as Record<string, object[]>;
    const foreign = { name: 'foreign', cluster: {}, user: { exec: {} }, context: {} };
    for (const list of ['clusters', 'users', 'contexts']) config[list]?.unshift(foreign);
    expect(read(config).endpoint.url).toBe(place.endpoint);
    expect(refusal({ ...config, 'current-context': '' }).problem).toContain('exactly one context');
  });
});

describe('refused by name, never with a value, is', () => {
  test.each([
    ['cluster', 'certificate-authority'],
    ['cluster', 'insecure-skip-tls-verify'],
    ['cluster', 'proxy-url'],
    ['cluster', 'disable-compression'],
    ['cluster', 'extensions'],
    ['user', 'client-certificate'],
    ['user', 'client-key'],
    ['user', 'tokenFile'],
    ['user', 'username'],
    ['user', 'password'],
    ['user', 'auth-provider'],
    ['user', 'exec'],
    ['user', 'as'],
    ['user', 'as-uid'],
    ['user', 'as-groups'],
    ['user', 'as-user-extra'],
  ] as const)('%s.%s', (part, field) => {
    for (const value of [CANARY, false, [{ name: CANARY }], { command: CANARY }, null]) {
      const fault = refusal(changed(byToken, { [part]: { [field]: value } }));
      expect(fault).toMatchObject({ code: 'KubeconfigFieldError' });
      expect(fault.problem).toBe(
        `the kubeconfig in the Secrets Manager secret edge-kubeconfig: ${part}.${field} is not allowed`,
      );
    }
  });

  test.each<[string, Record<string, unknown>, string]>([
    [
      'an unknown field, whose name may be anything',
      changed(byToken, { user: { [CANARY]: 1 } }),
      'user may have',
    ],
    [
      'a server without TLS',
      changed(byToken, { cluster: { server: `http://${CANARY}` } }),
      'cluster.server is not',
    ],
    [
      'a server with a user',
      changed(byToken, { cluster: { server: `https://u:${CANARY}@x` } }),
      'cluster.server',
    ],
    [
      'a server with a fragment',
      changed(byToken, { cluster: { server: `https://x/y#${CANARY}` } }),
      'cluster.server',
    ],
    ...['../', './', '%2e%2e/', 'y//', 'y;', '\\', '\n', ' ', 'y/..?', 'ü/'].map(
      (part): [string, Record<string, unknown>, string] => [
        `a server with ${JSON.stringify(part)} in its path`,
        changed(byToken, { cluster: { server: `https://x/${part}${CANARY}` } }),
        'cluster.server is not https://HOST:PORT or https://HOST:PORT/PATH',
      ],
    ),
    [
      'a server with a query',
      changed(byToken, { cluster: { server: `https://x/?${CANARY}` } }),
      'cluster.server',
    ],
    ['no server', changed(byToken, { cluster: { server: undefined } }), 'cluster.server'],
    [
      'no authority',
      changed(byToken, { cluster: { 'certificate-authority-data': undefined } }),
      'cluster.certificate-authority-data is missing',
    ],
    [
      'an authority that is a key',
      changed(byToken, { cluster: { 'certificate-authority-data': base64(certificate.keyPem) } }),
      'cluster.certificate-authority-data is not a certificate',
    ],
    [
      'a broken authority',
      changed(byToken, { cluster: { 'certificate-authority-data': base64(caPem.replace('M', '')) } }),
      'cluster.certificate-authority-data is not a certificate',
    ],
    [
      'a server name that is none',
      changed(byToken, { cluster: { 'tls-server-name': `${CANARY} x` } }),
      'cluster.tls-server-name is not',
    ],
    ['a token of two lines', changed(byToken, { user: { token: `${CANARY}\nx` } }), 'user.token is not'],
    ['a token of two words', changed(byToken, { user: { token: `${CANARY} x` } }), 'user.token is not'],
    ['an empty token', changed(byToken, { user: { token: '' } }), 'user.token is not'],
    ['nobody', kubeconfigJson({ ...byToken, user: {} }), 'user does not have either'],
    ['two identities', changed(byCertificate, { user: { token: CANARY } }), 'user does not have either'],
    [
      'a certificate without a key',
      changed(byCertificate, { user: { 'client-key-data': undefined } }),
      'user.client-key-data is not the key',
    ],
    [
      'the key of another certificate',
      changed(byCertificate, { user: { 'client-key-data': base64(other.keyPem) } }),
      'user.client-key-data is not the key',
    ],
    [
      'a client certificate that is none',
      changed(byCertificate, { user: { 'client-certificate-data': CANARY } }),
      'user.client-certificate-data is not a certificate',
    ],
    ['a context of another cluster', { ...kubeconfigJson(byToken), clusters: [] }, 'clusters does not have'],
    [
      'a context that is not there',
      { ...kubeconfigJson(byToken), 'current-context': CANARY },
      'contexts does',
    ],
    ['an empty object', {}, 'contexts does not have'],
    [
      'lists of something else',
      { ...kubeconfigJson(byToken), users: [CANARY, null, []] },
      'users does not have',
    ],
  ])('%s', (_, config, problem) => {
    expect(refusal(JSON.parse(JSON.stringify(config))).problem).toContain(`edge-kubeconfig: ${problem}`);
  });

  test('a client certificate that has ended, with its end', () => {
    const fault = refusal(kubeconfigJson(kubeconfigParts(place, ended)));
    expect(fault).toMatchObject({ code: 'KubeconfigExpiredError' });
    expect(fault.problem).toMatch(/edge-kubeconfig expired at \d{4}-\d\d-\d\dT/);
  });
});

test('whatever stands in place of any value, it is taken or refused by an error of ours', () => {
  fc.assert(
    fc.property(fc.constantFrom(byToken, byCertificate), fc.jsonValue(), fc.nat(), (parts, value, at) => {
      const config = kubeconfigJson(parts);
      const holders: Record<string, unknown>[] = [config];
      JSON.stringify(config, (_key, held) => {
        if (typeof held === 'object' && held !== null) holders.push(held);
        return held;
      });
      const places = holders.flatMap((holder) => Object.keys(holder).map((key) => [holder, key] as const));
      const [holder, key] = places[at % places.length] ?? [config, 'kind'];
      const changedConfig = JSON.parse(
        JSON.stringify(config, function (this: unknown, name, held) {
          return this === holder && name === key ? value : held;
        }),
      );
      try {
        read(changedConfig);
      } catch (fault) {
        expect(fault).toBeInstanceOf(HelperError);
      }
    }),
  );
});
