import type { Redacted } from '../redacted.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import { readEcrHost } from '../registry/ecr-hosts.ts';
import { PUBLIC_HOST } from '../registry/ecr-public.ts';
import type { SecretEntry } from '../settings.ts';
import type { Finding } from './doctor-report.ts';
import { askEcr } from './ecr-host.ts';
import { failed, notLookedAt, passed, unknown } from './findings.ts';

/** Asks each registry of ECR whether it takes the token that is for it; nobody else is shown one. */
export async function examineHosts(
  entries: readonly SecretEntry[],
  credentials: ReadonlyMap<SecretEntry, PullCredentials>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const pairs = [...credentials.values()].flatMap(({ auths }) => [...auths]);
  const distinct = pairs.filter(
    ([host, auth], at) => pairs.findIndex((pair) => pair[0] === host && pair[1] === auth) === at,
  );
  const unread = entries.filter((entry) => !credentials.has(entry));
  return [
    ...unread.flatMap(({ name }) => notLookedAt(['registry'], `registries of ${name}`, 'token')),
    ...(await Promise.all(distinct.map(([host, auth]) => examineHost(host, auth, signal)))),
  ];
}

async function examineHost(host: string, auth: Redacted, signal: AbortSignal): Promise<Finding> {
  const step = 'registry';
  const ecr = readEcrHost(host);
  if (!ecr) {
    const is = host === PUBLIC_HOST ? 'it is asked in another way' : 'it is no host of ECR';
    return unknown(step, host, `not asked: ${is}`, `Try it by hand: docker login ${host}`);
  }
  const answer = await askEcr(host, '/v2/', auth, signal);
  if (typeof answer === 'string') {
    const reason = `it could not be reached from here (${answer}); refreshes do not need it, pulls do`;
    return unknown(step, host, reason, `Try it from a node: curl -I https://${host}/v2/`);
  }
  const { code } = answer;
  if (code === 200) return passed(step, host, 'it takes the token');
  const remedy = `Compare with a login of your own: aws ecr get-login-password --region ${ecr.region} | docker login --username AWS --password-stdin ${host}`;
  if (code === 401 || code === 403) {
    return failed(step, host, `it refuses the token (${code})`, remedy);
  }
  return unknown(step, host, `it answered ${code}`, remedy);
}
