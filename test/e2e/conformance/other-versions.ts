import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '../../../lambda/kubernetes/api-error.ts';
import type { Status } from '../../sandbox/kubernetes/status.ts';
import { chosenMinor } from '../control-plane/versions.ts';
import type { Answer } from './case.ts';
import { DEPLOYMENT } from './deployments.ts';
import type { KnownDifference } from './known-differences.ts';

/** Cases that some versions answer otherwise than the one that the emulator imitates. */
interface OtherVersions {
  /** The second numbers of the first and the last of them. */
  readonly minors: readonly [first: number, last: number];
  readonly reason: string;
  readonly titles: readonly string[];
  /** The code of the answer, where it is another one. */
  readonly code?: number;
  /** The answer as far as the emulator's has to be the same; by default what the function reads of it. */
  readonly without?: (answer: Answer) => Answer;
}

const OTHER_VERSIONS: readonly OtherVersions[] = [
  {
    minors: [30, 31],
    reason: 'the text of a value that is too long has another verb',
    titles: [
      'has too long annotations',
      'finds the annotations of another too long for its own',
      'finds the data of another too long for its own',
      'has too long a field manager',
      'is too large',
    ],
  },
  {
    minors: [30, 33],
    reason: 'a review of rights has `creationTimestamp: null`, which nobody reads',
    titles: [
      'knows of a right by name',
      'knows of a right on all',
      'knows of a right in one namespace',
      'knows that another name is denied',
      'knows that no name is denied',
      'knows that another group is denied',
    ],
    without: (answer) =>
      JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
        key === 'creationTimestamp' && value === null ? undefined : value,
      ) as Answer,
  },
  {
    minors: [30, 33],
    reason: 'the text of a dry run that is not known prints its value as Go prints a slice',
    titles: [
      'is no known dry run',
      'cannot delete in an unknown dry run',
      'cannot delete in an unknown dry run of the query',
    ],
  },
  {
    minors: [30, 34],
    reason:
      'options of a deletion that are no JSON are an error of the server, not of the request; the function sends none',
    titles: ['cannot read options that are no JSON', 'reads the options of a missing secret first'],
    code: 500,
    without: ({ code, headers, body }) =>
      code < 300 ? { code, headers, body } : { code: 0, headers, body: (body as Partial<Status>).message },
  },
  {
    minors: [37, 37],
    reason: 'the text of an apply that is no YAML names it a patch',
    titles: ['is YAML that has no end'],
  },
  {
    minors: [37, 37],
    reason: 'of several equal causes one is left',
    titles: ['finds the annotations of another too long for its own', 'names another uid'],
  },
];

/** The titles of all cases that some version answers otherwise. */
export const TITLES_BY_VERSION: readonly string[] = OTHER_VERSIONS.flatMap(({ titles }) => titles);

/** How the chosen version answers the case of a title otherwise, if it does; and its code, if that is another one. */
export function differenceByVersion(title: string): (KnownDifference & { code?: number }) | undefined {
  const minor = chosenMinor();
  const found = OTHER_VERSIONS.find(
    ({ minors: [first, last], titles }) => first <= minor && minor <= last && titles.includes(title),
  );
  return found && { without: asRead, ...found, isSteady: true };
}

/**
 * What the function reads of an answer that is not a success: of its text only the names that it recognizes, and of its
 * causes whether there is one.
 */
function asRead(answer: Answer): Answer {
  const { code, headers, body } = answer;
  if (code < 300) return answer;
  const deployment = { name: DEPLOYMENT, applyRbac: '' };
  const error = new ApiError(code, JSON.stringify(body), deployment, headers as IncomingHttpHeaders);
  const causes = new Map(error.causes.map((cause) => [JSON.stringify(cause), cause]));
  return { code, headers: {}, body: { ...error, causes: [...causes.values()] } };
}
