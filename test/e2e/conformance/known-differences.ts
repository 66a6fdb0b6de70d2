import type { Status } from '../../sandbox/kubernetes/status.ts';
import type { Answer } from './case.ts';

/** Something that the emulator leaves different on purpose. */
export interface KnownDifference {
  readonly reason: string;
  /** The answer without that. */
  readonly without: (answer: Answer) => Answer;
  /** False if the two servers may also agree by chance. */
  readonly isSteady: boolean;
}

export const SELECTOR_TEXT: KnownDifference = {
  reason: "the server's lexer names the token at which it stopped, and the emulator has no lexer",
  without: (answer) => withStatus(answer, ({ message: _, ...status }) => status),
  isSteady: true,
};

export const CONTINUE_TOKEN_TEXT: KnownDifference = {
  reason: "the server ends its text with what Go's JSON parser says",
  without: (answer) =>
    withStatus(answer, ({ message = '', ...status }) => ({
      ...status,
      message: message.replace(/(?<=continue key is not valid): .+$/, ''),
    })),
  isSteady: true,
};

export const CAUSE_ORDER: KnownDifference = {
  reason: 'the server gathers conflicts from a Go map of managers, so their order differs from run to run',
  without: (answer) =>
    withStatus(answer, ({ details = {}, ...status }) => {
      const causes = details.causes?.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1)) ?? [];
      return { ...status, details: { ...details, causes } };
    }),
  isSteady: false,
};

export const ACCOUNT_MANAGERS: KnownDifference = {
  reason: 'the emulator keeps no managed fields of service accounts, as nobody reads them',
  without: (answer) =>
    JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
      key === 'managedFields' ? undefined : value,
    ) as Answer,
  // the server begins to keep them only for an account that is made with fields
  isSteady: false,
};

export const USER_EXTRA: KnownDifference = {
  reason: 'the authenticator also tells the uid and the session, which nobody reads',
  without: (answer) =>
    JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
      key === 'uid' || key === 'extra' ? undefined : value,
    ) as Answer,
  isSteady: true,
};

function keyOf(cause: object): string {
  return Object.values(cause).sort().join();
}

function withStatus(answer: Answer, change: (status: Partial<Status>) => Partial<Status>): Answer {
  const body = answer.body as Status;
  return body.kind === 'Status' ? { ...answer, body: change(body) } : answer;
}
