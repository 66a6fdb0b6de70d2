/**
 * The base of every error that a person acts on: `problem` says what is wrong with which object, `remedy` what to
 * do, and the message both. None carries a cause: what a failed call said may echo a secret.
 */
export abstract class HelperError extends Error {
  readonly problem: string;
  readonly remedy: string;

  constructor(problem: string, remedy: string) {
    super(`${problem}. ${remedy}`);
    this.name = new.target.name;
    this.problem = problem;
    this.remedy = remedy;
  }
}

/** The codes of a service that was not reached at all, as Node and the SDK name them. */
const NOT_REACHED =
  /^(?:TimeoutError|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH)$/;

/** What to do about a call to AWS: `usual`, but where the service was not reached, what a VPC may lack. */
export function remedyOf(code: string, service: string, where: string, usual: string): string {
  if (!NOT_REACHED.test(code)) return usual;
  return `Check that ${service} of ${where} can be reached from here: a VPC without a NAT needs the interface endpoint ${service}, with private DNS (docs/guides/private-clusters.md). Passing faults mend themselves with the next run.`;
}

export class SettingsError extends HelperError {
  constructor(problem: string) {
    super(`settings: ${problem}`, 'Correct the settings and deploy again.');
  }
}

const USUAL_EVENTS = 'Send {} to refresh everything, or { "action": "plan" } to see what it would do.';

export class EventError extends HelperError {
  constructor(problem: string, { remedy = USUAL_EVENTS } = {}) {
    super(`event: ${problem}`, remedy);
  }
}

export class CleanupOffError extends HelperError {
  constructor() {
    super(
      'settings: cleanup is not set, so nothing may be removed',
      'Set "cleanup": true and deploy; where rbac is manual, apply the rights of these settings as well.',
    );
  }
}

/** An entry covers nothing, which may be a typo: what it was for must not be taken for left over. */
export class UnclearCoverageError extends HelperError {
  constructor(problem: string) {
    super(
      `${problem}, so what the settings cover is unclear and nothing was removed`,
      'Correct namespaces of this entry, deploy, and ask again.',
    );
  }
}

/** The event names something that the settings do not cover: it may narrow them and never widen them. */
export class NotCoveredError extends HelperError {
  constructor(what: 'cluster' | 'namespace' | 'log group', name: string, known: string) {
    super(
      `event: the settings cover no ${what} ${JSON.stringify(name)}; ${known}`,
      `Add it to the settings, or leave it out.`,
    );
  }
}

export class AssumeRoleError extends HelperError {
  constructor(roleArn: string, code: string) {
    super(
      `the role ${roleArn} could not be assumed (${code})`,
      code === 'AccessDenied'
        ? "If it is the role of an access stack, deploy that: npx cdk deploy --all -c settings=FILE. Else let its trust policy name the function's role, and the function's policy sts:AssumeRole on it."
        : remedyOf(
            code,
            'sts',
            "the function's own region",
            'Check the role; passing faults mend themselves with the next run.',
          ),
    );
  }
}

/** The function in the VPC of an access stack gave no answer. */
export class RelayError extends HelperError {
  constructor(functionArn: string, code: string) {
    super(
      `the function ${functionArn}, from whose VPC the cluster is reached, gave no answer (${code})`,
      code === 'ResourceNotFoundException' || code === 'AccessDeniedException'
        ? 'Deploy its access stack: npx cdk deploy --all -c settings=FILE.'
        : 'Its log says why; passing faults mend themselves with the next run.',
    );
  }
}

export class DeadlineError extends HelperError {
  constructor() {
    super('the time of this run was over', 'Give the function more time or memory, or raise concurrency.');
  }
}

/** A run that was not started by hand was not ok: thrown so that AWS tries again and alarms. */
export class RefreshFailedError extends HelperError {
  constructor(summary: string) {
    super(summary, 'The report in the log says what failed and what to do.');
  }
}

/** What is thrown for a fault of our own, of which only name and place may be told. */
export class InternalError extends HelperError {
  constructor(fault: unknown) {
    super(`unexpected ${fault instanceof Error ? codeOf(fault) : typeof fault}`, 'Report it with the stack.');
    const stack = fault instanceof Error ? fault.stack?.replace(fault.message, '') : undefined;
    const frames = stack?.match(/^ {4}at .*$/gm) ?? [];
    this.stack = [`${this.name}: ${this.message}`, ...frames].join('\n');
  }
}

/** The code of a failed AWS call: its name, which AWS defines; its text may echo what was sent. */
export function codeOf(fault: unknown): string {
  const name = fault instanceof Error ? fault.name : '';
  const code = (fault as { code?: unknown } | undefined)?.code;
  const known = [/^(Error|TypeError|AggregateError)$/.test(name) ? undefined : name, code, name];
  return (
    known.find((said): said is string => typeof said === 'string' && /^[\w.#:-]{1,64}$/.test(said)) ?? 'Error'
  );
}
