import { describe, expect, test } from 'vitest';
import { unreachableError } from '../../../lambda/kubernetes/transport.ts';

test.for<[string, RegExp]>([
  ['CERT_HAS_EXPIRED', /^Renew the serving certificate of the API server/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /set its tls-server-name/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /^Something else than the API server/],
])('a certificate that is refused with %s is not tried again, and has a remedy', ([code, remedy]) => {
  const fault = unreachableError(code);
  expect(fault.isTransient).toBe(false);
  expect(fault.fix).toMatch(remedy);
});

test.for(['ECONNREFUSED', 'ConnectTimeoutError'])('%s is tried again', (code) => {
  expect(unreachableError(code).isTransient).toBe(true);
});

describe('an endpoint that is public for some addresses only', () => {
  const cidrs = ['203.0.113.0/24', '198.51.100.7/32'];

  test.for(['ConnectTimeoutError', 'ETIMEDOUT', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'])(
    'is named with them where no connection comes about (%s)',
    (code) => {
      expect(unreachableError(code, cidrs).fix).toBe(
        'Set vpc to one that reaches it (docs/guides/private-clusters.md): its public endpoint accepts only 203.0.113.0/24, 198.51.100.7/32, and a function outside of a VPC has no fixed address.',
      );
    },
  );

  test.for(['ENOTFOUND', 'ECONNRESET', 'BrokenAnswer', 'CERT_HAS_EXPIRED'])(
    'is not blamed for %s',
    (code) => {
      expect(unreachableError(code, cidrs).fix).toBe(unreachableError(code).fix);
    },
  );

  test('may have many of them, of which some are named', () => {
    const many = Array.from({ length: 40 }, (_, at) => `203.0.113.${at}/32`);
    expect(unreachableError('ETIMEDOUT', many).fix).toContain('203.0.113.4/32 and 35 more, and');
  });
});
