import type { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eksTokens, stsSigner } from '../../../lambda/kubernetes/eks.ts';
import { type Principal, whoPresigned } from '../../sandbox/signatures.ts';
import { ManualClock } from '../manual-clock.ts';

const principal: Principal = {
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 'FwoGZXIvYXdzEB/+session+token/of//a+role==',
  arn: 'arn:aws:sts::111122223333:assumed-role/ecr-registry-helper/session',
  accountId: '111122223333',
  userId: 'AROA:session',
};
const minute = 60_000;

function tokensOf(given: { cluster?: string; region?: string; principal?: Principal } = {}) {
  const { cluster = 'prod', region = 'eu-west-1' } = given;
  const clock = new ManualClock();
  const signer = stsSigner(region, given.principal ?? principal);
  let signings = 0;
  const presign: SignatureV4['presign'] = (...request) => {
    signings += 1;
    return signer.presign(...request);
  };
  return { clock, tokens: eksTokens(cluster, region, { presign }, clock), signings: () => signings };
}

function urlOf(token: string): URL {
  expect(token).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/);
  return new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
}

describe('a token', () => {
  test('is a presigned call that AWS takes for the principal, of this cluster only', async () => {
    const { clock, tokens } = tokensOf();
    const url = urlOf((await tokens.current()).reveal());
    const who = (cluster: string, at: number) =>
      whoPresigned(url, { 'x-k8s-aws-id': cluster }, [principal], new Date(at));
    expect(await who('prod', clock.now())).toBe(principal);
    expect(await who('prod', clock.now() + 15 * minute)).toBe(principal);
    expect(await who('staging', clock.now())).toBeUndefined();
    expect(await who('prod', clock.now() + 16 * minute)).toBeUndefined();
  });

  test('has only what the server takes', async () => {
    const { tokens } = tokensOf();
    const url = urlOf((await tokens.current()).reveal());
    expect([url.protocol, url.host, url.pathname]).toEqual(['https:', 'sts.eu-west-1.amazonaws.com', '/']);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `${principal.accessKeyId}/20261123/eu-west-1/sts/aws4_request`,
      'X-Amz-Date': '20261123T080000Z',
      'X-Amz-Expires': '60',
      'X-Amz-Security-Token': principal.sessionToken,
      'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
      'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('of static keys has no session token', async () => {
    const { accessKeyId, secretAccessKey, arn, accountId, userId } = principal;
    const user: Principal = { accessKeyId, secretAccessKey, arn, accountId, userId };
    const { clock, tokens } = tokensOf({ principal: user });
    const url = urlOf((await tokens.current()).reveal());
    expect(url.searchParams.has('X-Amz-Security-Token')).toBe(false);
    expect(await whoPresigned(url, { 'x-k8s-aws-id': 'prod' }, [user], new Date(clock.now()))).toBe(user);
  });

  test.for([
    ['eu-west-1', 'sts.eu-west-1.amazonaws.com'],
    ['us-gov-west-1', 'sts.us-gov-west-1.amazonaws.com'],
    ['cn-north-1', 'sts.cn-north-1.amazonaws.com.cn'],
    ['eusc-de-east-1', 'sts.eusc-de-east-1.amazonaws.eu'],
  ] as const)('of %s is for %s', async ([region, host]) => {
    const { clock, tokens } = tokensOf({ region });
    const url = urlOf((await tokens.current()).reveal());
    expect(url.host).toBe(host);
    expect(await whoPresigned(url, { 'x-k8s-aws-id': 'prod' }, [principal], new Date(clock.now()))).toBe(
      principal,
    );
  });

  test('of any session token and cluster name is taken', async () => {
    const sessionToken = fc.base64String({ minLength: 4, maxLength: 1_200 });
    const cluster = fc.stringMatching(/^[0-9A-Za-z][\w-]{0,99}$/);
    await fc.assert(
      fc.asyncProperty(sessionToken, cluster, async (session, name) => {
        const who = { ...principal, sessionToken: session };
        const { clock, tokens } = tokensOf({ cluster: name, principal: who });
        const url = urlOf((await tokens.current()).reveal());
        expect(await whoPresigned(url, { 'x-k8s-aws-id': name }, [who], new Date(clock.now()))).toBe(who);
      }),
      { numRuns: 50 },
    );
  });

  test('is not shown when it is printed', async () => {
    const token = await tokensOf().tokens.current();
    expect([`${token}`, JSON.stringify({ token })]).toEqual(['[redacted]', '{"token":"[redacted]"}']);
  });
});

describe('a session token that is too long', () => {
  test('is told with the length that it makes and the limit', async () => {
    const { tokens } = tokensOf({ principal: { ...principal, sessionToken: 'A'.repeat(3_000) } });
    const fault = await tokens.current().catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'BearerTokenTooLongError' });
    expect(String(fault)).toMatch(/has \d{4} characters and EKS accepts 4096/);
    expect(String(fault)).not.toContain('AAAA');
  });

  test('is one that makes more than 4,096 characters', async () => {
    for (let length = 2_600; length < 2_700; length += 1) {
      const { tokens } = tokensOf({ principal: { ...principal, sessionToken: 'A'.repeat(length) } });
      const made = await tokens.current().then(
        (token) => token.reveal().length,
        (fault) => Number(/has (\d+) characters/.exec(String(fault))?.[1]),
      );
      if (made <= 4_096) continue;
      await expect(tokens.current()).rejects.toThrow(
        expect.objectContaining({ code: 'BearerTokenTooLongError' }),
      );
      return;
    }
    throw new Error('no length was too long');
  });
});

describe('a token is kept', () => {
  test('for 13 minutes and not longer', async () => {
    const { clock, tokens, signings } = tokensOf();
    const first = await tokens.current();
    clock.advance(13 * minute - 1);
    expect(await tokens.current()).toBe(first);
    clock.advance(1);
    const second = await tokens.current();
    expect(second).not.toBe(first);
    expect(urlOf(second.reveal()).searchParams.get('X-Amz-Date')).toBe('20261123T081300Z');
    expect(signings()).toBe(2);
  });

  test('by all who ask at once', async () => {
    const { clock, tokens, signings } = tokensOf();
    const all = await Promise.all(Array.from({ length: 20 }, () => tokens.current()));
    expect(new Set(all).size).toBe(1);
    clock.advance(14 * minute);
    await Promise.all(Array.from({ length: 20 }, () => tokens.current()));
    expect(signings()).toBe(2);
  });

  test('until it is refused; many who were refused cause one signing', async () => {
    const { tokens, signings } = tokensOf();
    const refused = await tokens.current();
    const renewed = await Promise.all(
      Array.from({ length: 5 }, async () => {
        tokens.forget(refused);
        return await tokens.current();
      }),
    );
    tokens.forget(refused);
    expect(await tokens.current()).toBe(renewed[0]);
    expect(renewed[0]).not.toBe(refused);
    expect(signings()).toBe(2);
  });

  test('not when signing failed: the next call signs again', async () => {
    const clock = new ManualClock();
    let available = false;
    const signer = stsSigner('eu-west-1', async () => {
      if (!available) throw new Error('no credentials');
      return principal;
    });
    const tokens = eksTokens('prod', 'eu-west-1', signer, clock);
    await expect(tokens.current()).rejects.toThrow('no credentials');
    available = true;
    expect((await tokens.current()).reveal()).toMatch(/^k8s-aws-v1\./);
  });
});
