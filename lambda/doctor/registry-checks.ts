import { request } from 'undici';
import { attempt } from '../aws.ts';
import { type RunContext, systemClock } from '../context.ts';
import { codeOf, EventError, parseJson, type Redacted } from '../errors.ts';
import { isLikeEcrHost, PUBLIC_HOST, readEcrHost } from '../settings/hosts.ts';
import type { DoctorState } from './doctor.ts';
import { type Finding, failed, passed, skipped, unknown } from './report.ts';

const STEP = 'pull';
/** A tag that does not exist: the answer of ECR shows whether a pull is allowed. */
const NO_TAG = 'ecr-registry-helper-doctor';

/**
 * Requests the manifest of a tag that does not exist from a repository of ECR and, where that may be pulled, its tags.
 * @param repository `HOST/NAME`
 * @throws EventError when no registry of the settings serves its host, or it is not a host of AWS
 */
export async function checkPull({ ctx, credentials }: DoctorState, repository: string): Promise<Finding[]> {
  const { signal } = ctx.aws;
  const host = repository.slice(0, repository.indexOf('/'));
  const name = repository.slice(host.length + 1);
  const auths = [...credentials.values()].flatMap((one) => [...one.auths]);
  const tokens = new Map(auths.flatMap(([of, auth]) => (of === host ? [[auth.reveal(), auth]] : [])));
  const ecr = readEcrHost(host);
  if (tokens.size === 0 || !ecr) {
    if (credentials.size < ctx.scope.entries.length) return [skipped(STEP, repository, 'token')];
    const hosts = new Set(auths.flatMap(([of]) => (readEcrHost(of) ? [of] : [])));
    const known = [...hosts].join(', ') || 'none';
    const problem = isLikeEcrHost(host)
      ? `${host} is not an endpoint of AWS`
      : `no registry of the settings is ${host}`;
    throw new EventError(`repository: ${problem}; hosts of ECR in them are ${known}`);
  }
  const place = `--registry-id ${ecr.accountId} --region ${ecr.region}`;
  const target = { repository, host, name, place };
  const pulls = await Promise.all(
    [...tokens.values()].map(async (auth) => ({ auth, finding: await checkManifest(auth, target, signal) })),
  );
  const pulling = pulls.filter(({ finding }) => finding.result === 'pass');
  const tags = await Promise.all(pulling.map(({ auth }) => checkTags(ctx, auth, target)));
  const ofPulls = pulls.map(({ finding }) => finding);
  return [...summarize(ofPulls, 'ecr:BatchGetImage', host), ...summarize(tags, 'ecr:ListImages', host)];
}

/** One finding for those of all tokens. */
function summarize(findings: readonly Finding[], action: string, host: string): Finding[] {
  const allowed = findings.filter(({ result }) => result === 'pass');
  const [first] = allowed;
  if (!first || allowed.length === findings.length) return findings.slice(0, 1);
  const reason = `${action} is allowed to ${allowed.length} of ${findings.length} tokens for ${host}; narrow it by namespaces to see to which`;
  return [passed(STEP, first.object, reason)];
}

interface Target {
  readonly repository: string;
  readonly host: string;
  readonly name: string;
  /** Account and region, as options of the AWS CLI. */
  readonly place: string;
}

/** Checks whether a token pulls. */
async function checkManifest(
  auth: Redacted,
  { repository, host, name, place }: Target,
  signal: AbortSignal,
): Promise<Finding> {
  const answer = await requestEcr(host, `/v2/${name}/manifests/${NO_TAG}`, auth, signal);
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
    const remedy = `Correct its name, or create it (a pull-through cache does so with the first pull); see what there is: ${look}`;
    return failed(STEP, repository, 'the repository does not exist', remedy);
  }
  if (code === 401 || code === 403) {
    const remedy = `Name it in repositories of the entry or of this registry in the settings, and where it is of another account allow the role in its policy: aws ecr get-repository-policy ${place} --repository-name ${name}`;
    return failed(STEP, repository, `ecr:BatchGetImage is denied (${code})`, remedy);
  }
  const reason = `ECR answered ${`${code} ${error}`.trim()}`;
  return unknown(STEP, repository, reason, `Look at the repository: ${look}`);
}

/** Whether a token that pulls may list tags too: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags */
async function checkTags(
  { aws, environment }: RunContext,
  auth: Redacted,
  { repository, host, name, place }: Target,
): Promise<Finding> {
  const object = `tags of ${repository}`;
  const answer = await requestEcr(host, `/v2/${name}/tags/list?n=1`, auth, aws.signal);
  const code = typeof answer === 'string' ? answer : answer.code;
  if (code === 200) return passed(STEP, object, 'ecr:ListImages is allowed');
  const what =
    code === 401 || code === 403
      ? `listing tags is denied (${code})`
      : `listing tags was answered by ${code}`;
  const reason = `${what}: pulls do not need ecr:ListImages; Argo CD Image Updater, Flux image automation and Renovate do`;
  const remedy = `If a tool lists tags with this secret, allow ecr:ListImages to the role that fetches the token. The stack does so for its own role: ${environment.deployCommand}. A repository of another account must allow it to that role in its policy: aws ecr get-repository-policy ${place} --repository-name ${name}`;
  return unknown(STEP, object, reason, remedy);
}

/** Checks that each registry of ECR accepts its token; no other host gets one. */
export async function checkHosts({ ctx, credentials }: DoctorState): Promise<Finding[]> {
  const pairs = [...credentials.values()].flatMap(({ auths }) => [...auths]);
  const distinct = pairs.filter(
    ([host, auth], at) => pairs.findIndex((pair) => pair[0] === host && pair[1] === auth) === at,
  );
  const unread = ctx.scope.entries.filter((entry) => !credentials.has(entry));
  return [
    ...unread.map(({ name }) => skipped('registry', `registries of ${name}`, 'token')),
    ...(await Promise.all(distinct.map(([host, auth]) => checkHost(host, auth, ctx.aws.signal)))),
  ];
}

async function checkHost(host: string, auth: Redacted, signal: AbortSignal): Promise<Finding> {
  const step = 'registry';
  const ecr = readEcrHost(host);
  if (!ecr) {
    const other = isLikeEcrHost(host) ? 'it is not an endpoint of AWS' : 'it is not a host of ECR';
    const is = host === PUBLIC_HOST ? 'it has another protocol' : other;
    return unknown(step, host, `not checked: ${is}`, `Try it by hand: docker login ${host}`);
  }
  const answer = await requestEcr(host, '/v2/', auth, signal);
  if (typeof answer === 'string') {
    const reason = `it could not be reached from here (${answer}); refreshes do not need it, pulls do`;
    return unknown(step, host, reason, `Try it from a node: curl -I https://${host}/v2/`);
  }
  const { code } = answer;
  if (code === 200) return passed(step, host, 'it accepts the token');
  const remedy = `Compare with a login of your own: aws ecr get-login-password --region ${ecr.region} | docker login --username AWS --password-stdin ${host}`;
  if (code === 401 || code === 403) {
    return failed(step, host, `it rejects the token (${code})`, remedy);
  }
  return unknown(step, host, `it answered ${code}`, remedy);
}

const MANIFEST = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/**
 * Sends a request to a registry of ECR by https and follows no redirect, so that nobody else gets the token.
 * Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 * @param path such as `/v2/`
 * @returns the HTTP code, and of an error the code of the distribution protocol; or the code of why there was no answer
 * @throws TypeError for any other host, before anything is sent
 */
export async function requestEcr(
  host: string,
  path: string,
  auth: Redacted,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly error?: string | undefined } | string> {
  if (!readEcrHost(host)) throw new TypeError('not a host of ECR');
  const options = {
    headers: { authorization: `Basic ${auth.reveal()}`, accept: MANIFEST.join(', ') },
    // no connection may stay open when the function is frozen, and HTTP/2 knows no reset; undici's types lack the latter
    reset: true,
    allowH2: false,
  };
  try {
    return await attempt(systemClock, signal, async (bound) => {
      const answer = await request(`https://${host}${path}`, { ...options, signal: bound });
      return { code: answer.statusCode, error: errorIn(await answer.body.text()) };
    });
  } catch (fault) {
    return codeOf(fault);
  }
}

function errorIn(text: string): string | undefined {
  const { errors } = (parseJson(text) ?? {}) as { errors?: { code?: unknown }[] };
  const code = errors?.[0]?.code;
  return typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : undefined;
}
