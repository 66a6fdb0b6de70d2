import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { authenticationManifest } from '../../lambda/cli/rbac.ts';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { type Authority, createAuthority } from '../sandbox/certificates.ts';
import { createApiClient } from './control-plane/api-client.ts';
import { type ControlPlane, startControlPlane } from './control-plane/start.ts';
import { chosenMinor } from './control-plane/versions.ts';
import { loginsOf, makeNamespaces, readSecret } from './objects.ts';
import { permit } from './rights.ts';
import { DEPLOYMENT, startWorld, type World } from './world.ts';

/** Structured authentication is stable since then. */
const isStable = chosenMinor() >= 34;
const AUDIENCE = `${DEPLOYMENT}/edge`;
const secrets = [{ namespaces: { include: ['team-*'] } }];

let world: World;
let edge: ControlPlane;
let issuer: Server;
let roleArn: string;
let settings: SettingsInput;

/** An issuer on loopback, as AWS's for an account: where an API server gets the keys. */
async function startIssuer(authority: Authority, { aws }: World): Promise<Server> {
  const { certificatePem: cert, keyPem: key } = await authority.issue({
    ...{ commonName: 'issuer', ipAddresses: ['127.0.0.1'], usage: 'server' },
  });
  const server = createServer({ cert, key }, (request, response) => {
    const { url } = aws.issuer;
    const answers: Record<string, object> = {
      '/.well-known/openid-configuration': {
        ...{ issuer: url, jwks_uri: `${url}/.well-known/jwks.json`, subject_types_supported: ['public'] },
        ...{ response_types_supported: ['id_token'], id_token_signing_alg_values_supported: ['ES384'] },
      },
      '/.well-known/jwks.json': aws.issuer.jwks(),
    };
    const answer = answers[request.url ?? ''];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  aws.issuer.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return server;
}

beforeAll(async () => {
  if (!isStable) return;
  world = await startWorld();
  const authority = await createAuthority('issuer-ca');
  issuer = await startIssuer(authority, world);
  roleArn = `arn:aws:iam::${world.aws.accountId}:role/${DEPLOYMENT}`;
  const webIdentity = {};
  const ofEdge = { name: 'edge', server: 'https://127.0.0.1', publicCertificate: true, webIdentity };
  // what `cli rbac` prints, and the authority of the issuer, which that of AWS does not need
  const printed = authenticationManifest(checkSettings({ clusters: [ofEdge] }), {
    ...{ only: 'edge', issuer: world.aws.issuer.url, role: roleArn },
  });
  const { jwt } = parse(printed);
  edge = await startControlPlane({
    clusterName: 'edge',
    region: world.aws.region,
    principals: world.aws.principals,
    mapRoles: [],
    jwt: [{ ...jwt[0], issuer: { ...jwt[0].issuer, certificateAuthority: authority.certificatePem } }],
  });
  const caData = Buffer.from(edge.caPem).toString('base64');
  settings = { clusters: [{ name: 'edge', server: edge.endpoint, caData, webIdentity }], secrets };
  await permit(edge.admin, settings);
  await makeNamespaces(edge.admin, ['team-a', 'team-b', 'other']);
});

afterAll(async () => {
  issuer?.close();
  await edge?.stop();
  await world?.stop();
});

describe.runIf(isStable)('a real API server that trusts the role by the tokens of its issuer', () => {
  test('is refreshed, with no stored secret', async () => {
    const { report } = await world.invoke(settings);
    expect(report).toMatchObject({ ok: true, clusters: [{ id: 'edge', created: 2 }] });
    expect(loginsOf(await readSecret(edge.admin, 'team-a'))).not.toEqual([]);
    const services = world.aws.calls.map(({ operation }) => operation);
    expect(services).toContain('GetWebIdentityToken');
    expect(services).not.toContain('GetSecretValue');
    expect(services).not.toContain('DescribeCluster');
  });

  test('passes every check of doctor', async () => {
    const { report } = await world.invoke<DoctorReport>(settings, { action: 'doctor' });
    const failed = report?.findings.filter(
      ({ object, result }) => object.includes('edge') && result !== 'pass',
    );
    expect(failed).toEqual([]);
  });

  test('rejects the function as another role, and its fix names what the token has', async () => {
    const { report } = await world.invoke(settings, {}, 'other-role');
    expect(report?.clusters[0]?.error).toMatchObject({
      code: 'WebIdentityUnauthorizedError',
      remedy: expect.stringContaining(`the role arn:aws:iam::${world.aws.accountId}:role/other-role`),
    });
  });

  const soon = () => Math.floor(Date.now() / 1_000) + 600;
  const another = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  test.each<[string, number, () => string]>([
    ['as the function sends it', 200, () => world.aws.issuer.issue(roleArn, AUDIENCE, { exp: soon() })],
    ['of another role', 401, () => world.aws.issuer.issue(`${roleArn}-2`, AUDIENCE, { exp: soon() })],
    ['for another audience', 401, () => world.aws.issuer.issue(roleArn, 'other', { exp: soon() })],
    [
      'of another account',
      401,
      () => world.aws.issuer.issue(roleArn, AUDIENCE, { exp: soon(), account: '444455556666' }),
    ],
    [
      'of another issuer',
      401,
      () => world.aws.issuer.issue(roleArn, AUDIENCE, { exp: soon(), iss: 'https://other.example.com' }),
    ],
    ['that has expired', 401, () => world.aws.issuer.issue(roleArn, AUDIENCE, { exp: soon() - 1_200 })],
    ['signed by another key', 401, () => world.aws.issuer.issue(roleArn, AUDIENCE, { exp: soon() }, another)],
    [
      'with the algorithm none',
      401,
      () => {
        const [, claims] = world.aws.issuer.issue(roleArn, AUDIENCE, { exp: soon() }).split('.');
        return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
      },
    ],
  ])('answers to a token %s with %i', async (_, status, token) => {
    const client = createApiClient({ endpoint: edge.endpoint, caPem: edge.caPem, token: token() });
    const response = await client.request('GET', '/api/v1/namespaces').finally(client.close);
    expect(response.status).toBe(status);
  });
});
