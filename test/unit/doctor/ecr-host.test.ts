import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestEcr } from '../../../lambda/doctor/registry-checks.ts';
import { Redacted } from '../../../lambda/errors.ts';
import { readEcrHost } from '../../../lambda/settings/hosts.ts';

describe('a host of ECR', () => {
  test.for([
    ['111122223333.dkr.ecr.eu-west-1.amazonaws.com', 'eu-west-1'],
    ['111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['111122223333.dkr-ecr.eu-west-1.on.aws', 'eu-west-1'],
    ['111122223333.dkr-ecr-fips.us-east-1.on.aws', 'us-east-1'],
    ['111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn', 'cn-north-1'],
  ] as const)('is %s', ([host, region]) => {
    expect(readEcrHost(host)).toEqual({ accountId: '111122223333', region });
  });

  test.for([
    'ghcr.io',
    'public.ecr.aws',
    '111122223333.dkr.ecr.eu-west-1.amazonaws.com.example.com',
    '111122223333.dkr.ecr.eu-west-1.amazonaws.com:8443',
    'example.com/111122223333.dkr.ecr.eu-west-1.amazonaws.com',
    'user@111122223333.dkr.ecr.eu-west-1.amazonaws.com',
    '111122223333.dkr.ecr.example.com#.eu-west-1.amazonaws.com',
    '111122223333.dkr.ecr.eu-west-1.amazonaws.com\n',
    '1111.dkr.ecr.eu-west-1.amazonaws.com',
    '',
  ])('is not %j', (host) => {
    expect(readEcrHost(host)).toBeUndefined();
  });

  test('is where a URL with it leads, whatever it looks like', () => {
    const part = fc.constantFrom(
      '111122223333',
      '.dkr.ecr.',
      '@',
      '/',
      '#',
      '?',
      ':',
      'eu-west-1',
      '.amazonaws.com',
      'on.aws',
      'x',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const host = parts.join('');
        if (readEcrHost(host)) expect(new URL(`https://${host}/v2/`).host).toBe(host);
      }),
    );
  });
});

test('any other host is refused before anything is sent', async () => {
  const ask = requestEcr('ghcr.io', '/v2/', new Redacted('token'), AbortSignal.abort());
  await expect(ask).rejects.toThrow(TypeError);
});
