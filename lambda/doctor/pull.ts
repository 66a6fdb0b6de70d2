import { EventError } from '../errors.ts';
import type { Redacted } from '../redacted.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import { type EcrPlace, readEcrHost } from '../registry/ecr-hosts.ts';
import type { Finding } from './doctor-report.ts';
import { askEcr } from './ecr-host.ts';
import { failed, notLookedAt, passed, unknown } from './findings.ts';

const STEP = 'pull';
/** A tag that nobody has: what ECR says of it tells whether it would let us pull. */
const NO_TAG = 'ecr-registry-helper-doctor';

/**
 * Asks a repository of ECR for the manifest of a tag that is not there.
 * @param repository `HOST/NAME`
 * @param credentials of the entries whose registries could be read
 * @param areAll whether those are all entries, so that a host that is not among them is a fault of the event
 * @throws EventError when no registry of the settings serves its host
 */
export async function examinePull(
  repository: string,
  credentials: Iterable<PullCredentials>,
  areAll: boolean,
  signal: AbortSignal,
): Promise<Finding[]> {
  const host = repository.slice(0, repository.indexOf('/'));
  const name = repository.slice(host.length + 1);
  const auths = [...credentials].flatMap((one) => [...one.auths]);
  const tokens = new Map(auths.flatMap(([of, auth]) => (of === host ? [[auth.reveal(), auth]] : [])));
  const ecr = readEcrHost(host);
  if (tokens.size === 0 || !ecr) {
    if (!areAll) return notLookedAt([STEP], repository, 'token');
    const hosts = new Set(auths.flatMap(([of]) => (readEcrHost(of) ? [of] : [])));
    const known = [...hosts].join(', ') || 'none';
    throw new EventError(
      `repository: no registry of the settings is ${host}; hosts of ECR in them are ${known}`,
    );
  }
  const findings = await Promise.all(
    [...tokens.values()].map((auth) => examineBy(auth, { repository, host, name, ecr }, signal)),
  );
  const allowed = findings.filter(({ result }) => result === 'pass').length;
  if (allowed > 0 && allowed < findings.length) {
    const reason = `ecr:BatchGetImage is allowed to ${allowed} of ${findings.length} tokens for ${host}; narrow it by namespaces to see to which`;
    return [passed(STEP, repository, reason)];
  }
  return findings.slice(0, 1);
}

/** What the token of an entry opens. */
async function examineBy(
  auth: Redacted,
  { repository, host, name, ecr }: { repository: string; host: string; name: string; ecr: EcrPlace },
  signal: AbortSignal,
): Promise<Finding> {
  const answer = await askEcr(host, `/v2/${name}/manifests/${NO_TAG}`, auth, signal);
  const place = `--registry-id ${ecr.accountId} --region ${ecr.region}`;
  const look = `aws ecr describe-repositories ${place} --repository-names ${name}`;
  if (typeof answer === 'string') {
    const reason = `${host} could not be reached from here (${answer})`;
    return unknown(STEP, repository, reason, `Look at the repository: ${look}`);
  }
  const { code, error = '' } = answer;
  if (code === 200 || (code === 404 && error === 'MANIFEST_UNKNOWN')) {
    return passed(STEP, repository, 'ecr:BatchGetImage is allowed');
  }
  if (code === 404 && error === 'NAME_UNKNOWN') {
    const remedy = `Correct its name, or create it; see what there is: ${look}`;
    return failed(STEP, repository, 'there is no such repository', remedy);
  }
  if (code === 401 || code === 403) {
    const remedy = `Name it in repositories of the entry or of this registry in the settings, and where it is of another account allow the role in its policy: aws ecr get-repository-policy ${place} --repository-name ${name}`;
    return failed(STEP, repository, `ecr:BatchGetImage is denied (${code})`, remedy);
  }
  const reason = `it answered ${`${code} ${error}`.trim()}`;
  return unknown(STEP, repository, reason, `Look at the repository: ${look}`);
}
