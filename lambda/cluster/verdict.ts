import { HelperError, InternalError } from '../errors.ts';
import type { Verdict } from '../report.ts';
import { ApiAnswer } from './answer.ts';
import { isPassing } from './backoff.ts';
import { ForbiddenError, ServerBusyError, UnexpectedAnswerError } from './errors.ts';

/** The verdict on a secret that only another object could replace. */
export const OF_ANOTHER_TYPE: Verdict = {
  outcome: 'blocked',
  reason: 'a secret of another type has its name',
  remedy: 'Delete it, or set recreate for this entry.',
};

/** What to do about a field-manager conflict: adopt, or the verdict; undefined when it is none. */
export function conflictVerdict(
  answer: ApiAnswer,
  adoptFrom: readonly string[],
): 'adopt' | Verdict | undefined {
  return answer.code === 409 ? holdersVerdict(answer.managers, adoptFrom) : undefined;
}

/** The same for the field managers that hold what we write; undefined when there are none. */
export function holdersVerdict(
  managers: readonly string[],
  adoptFrom: readonly string[],
): 'adopt' | Verdict | undefined {
  if (managers.length === 0) return undefined;
  const others = [...new Set(managers)].filter((manager) => !adoptFrom.includes(manager));
  if (others.length === 0 || adoptFrom.includes('*')) return 'adopt';
  const named = others.map((manager) => JSON.stringify(manager)).join(', ');
  return {
    outcome: 'blocked',
    reason: `it is managed by ${named}`,
    remedy: `Let its owner delete it, or add ${named} to adoptFrom.`,
  };
}

/** Whether only another object can take what was refused: its type is another, or its data is immutable. */
export function mustBeRecreated(answer: ApiAnswer): boolean {
  if (answer.code !== 422 || answer.deniedBy) return false;
  return answer.causes.some(
    ({ field, reason }) => field === 'type' || (field === 'data' && reason === 'FieldValueForbidden'),
  );
}

/**
 * What an error of a write means. `blocked` is for the namespace's owner to mend, `failed` for who runs this.
 * @param object the secret as a person would name it
 */
export function failureVerdict(fault: unknown, object: string): Verdict {
  if (fault instanceof ApiAnswer) return answerVerdict(fault, object);
  const known = fault instanceof HelperError ? fault : new InternalError(fault);
  return { outcome: 'failed', reason: known.problem, remedy: known.remedy };
}

function answerVerdict(answer: ApiAnswer, object: string): Verdict {
  const { code, deniedBy, deniedVerb } = answer;
  if (answer.newerIsThere) return { outcome: 'unchanged' };
  if (code === 404 && answer.kind === 'namespaces') return { outcome: 'skipped' };
  if (code === 403 && answer.hasCause('NamespaceTerminating')) return { outcome: 'skipped' };
  if (code === 403 && deniedVerb) return failureVerdict(new ForbiddenError(deniedVerb, object), object);
  if (answer.keptBy) {
    return {
      outcome: 'blocked',
      reason: `what is there has ${answer.keptBy}`,
      remedy: 'Take them off it, or delete it: what something else keeps is not taken over.',
    };
  }
  if (deniedBy) {
    return {
      outcome: 'blocked',
      reason: `it was denied by the ${WHAT[deniedBy.what]} ${deniedBy.name}`,
      remedy: `Let the owner of the namespace or of ${deniedBy.name} make room for it.`,
    };
  }
  if (mustBeRecreated(answer)) {
    const type = answer.causes.some(({ field }) => field === 'type');
    return type ? OF_ANOTHER_TYPE : { ...OF_ANOTHER_TYPE, reason: 'it is marked immutable' };
  }
  const bare = answer.causes.every(({ field, reason }) => field === '' && reason === '');
  if (
    (code === 403 && answer.reason === 'Forbidden') ||
    (code === 422 && answer.reason === 'Invalid' && bare)
  ) {
    return {
      outcome: 'blocked',
      reason: `it was denied by the cluster's admission (${code} ${answer.reason})`,
      remedy: 'Ask the owner of the cluster which admission policy or webhook denies it.',
    };
  }
  if (isPassing(code)) return failureVerdict(new ServerBusyError(code), object);
  const fields = answer.causes.map(({ field }) => field).filter((field) => field !== '');
  return failureVerdict(new UnexpectedAnswerError(code, answer.reason, fields), object);
}

const WHAT = { quota: 'quota', webhook: 'admission webhook', policy: 'admission policy' } as const;
