import { expect, test } from 'vitest';
import { UnreachableError } from '../../../lambda/cluster/errors.ts';

test.for<[string, RegExp]>([
  ['CERT_HAS_EXPIRED', /^Renew the serving certificate of the API server/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /set its tls-server-name/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /^Something else than the API server/],
])('a certificate that is refused with %s is not tried again, and has a remedy', ([code, remedy]) => {
  const fault = new UnreachableError(code);
  expect(fault.untrusted).toBe(true);
  expect(fault.remedy).toMatch(remedy);
});

test.for(['ECONNREFUSED', 'ConnectTimeoutError'])('%s is tried again', (code) => {
  expect(new UnreachableError(code).untrusted).toBe(false);
});
