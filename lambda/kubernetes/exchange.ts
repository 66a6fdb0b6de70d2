import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Clock } from '../context.ts';
import { HelperError } from '../errors.ts';

const MIB = 1024 * 1024;
/** The longest list in MiB: a page of 500 secrets by their metadata is some hundred kB. undici enforces it. */
export const LONGEST_LIST_MIB = 32;
/** Of all other answers: the metadata of one object, of which etcd stores 1.5 MiB. */
const LONGEST_OTHER_ANSWER = 4 * MIB;
/** Of all answers of one API server that are read at once. */
const MOST_AT_ONCE = 48 * MIB;
/** Of all answers of one API server in a run: 100,000 objects take some hundred MiB. */
const MOST_IN_ALL = 512 * MIB;
/** An API server sends pieces of some kB; each takes memory beside its bytes. */
const MOST_PIECES = 50_000;
/** Objects, lists and what is in them: parsed, an empty one takes twenty times its text. */
const MOST_VALUES = 500_000;
const DEEPEST = 100;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const [OPEN_LIST, CLOSE_LIST] = [0x5b, 0x5d];
const [OPEN_OBJECT, CLOSE_OBJECT] = [0x7b, 0x7d];

/** An answer that was read to its end. */
export interface HttpAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What is read of the answers of one API server: at this time, and so far. */
export interface Reading {
  bytes: number;
  total: number;
}

/**
 * Sends a request and reads its answer to the end, straight from undici's parser: its `request` makes a stream
 * for each answer (docs/adr/0007).
 * @param timeoutMs for the whole answer, so that a server that drips bytes holds nothing up
 * @throws HelperError: AnswerTooLongError, AnswersTooLongError, AnswerTooDeepError, LateAnswerError; an error of undici or
 *   the socket when the connection fails or an answer is cut off
 */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  { timeoutMs, clock, reading }: { timeoutMs: number; clock: Clock; reading: Reading },
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { method } = request;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let code = 0;
    let headers: IncomingHttpHeaders = {};
    let stop = () => {};
    const end = () => {
      stop();
      reading.bytes -= bytes;
    };
    // without `reset`, undici gives up the connection after a DELETE with a body
    dispatcher.dispatch(
      { ...request, reset: false, headersTimeout: 0, bodyTimeout: 0 },
      {
        // not from before: it may wait for a connection
        onRequestStart: (controller) => {
          stop = clock.after(timeoutMs, () => controller.abort(lateAnswer(timeoutMs, method)));
        },
        onResponseStart: (_controller, ...given) => {
          [code, headers] = given;
        },
        onResponseData: (controller, chunk) => {
          bytes += chunk.length;
          reading.bytes += chunk.length;
          reading.total += chunk.length;
          const isList = method === 'GET' && code === 200;
          const excess =
            !isList && bytes > LONGEST_OTHER_ANSWER
              ? answerTooLong(`${LONGEST_OTHER_ANSWER / MIB} MiB`)
              : reading.bytes > MOST_AT_ONCE
                ? answerTooLong(`${MOST_AT_ONCE / MIB} MiB`)
                : reading.total > MOST_IN_ALL
                  ? new HelperError(
                      'AnswersTooLongError',
                      `the API server sent more than ${MOST_IN_ALL / MIB} MiB in this run`,
                      CHECK_ANNOTATIONS,
                    )
                  : chunks.push(chunk) > MOST_PIECES
                    ? answerTooLong(`${MOST_PIECES} pieces`)
                    : undefined;
          if (excess) controller.abort(excess);
        },
        onResponseEnd: () => {
          end();
          const body = Buffer.concat(chunks);
          const excess = excessOf(body);
          if (excess) reject(excess);
          else resolve({ code, headers, text: body.toString() });
        },
        onResponseError: (_controller, error) => {
          end();
          reject(error);
        },
      },
    );
  });
}

export const CHECK_ENDPOINT = 'Check that the endpoint is the API server itself.';
const CHECK_ANNOTATIONS =
  'Check that the endpoint is the API server itself, and for large annotations on namespaces and secrets.';

/** The error of an answer that was not read to its end. @param most as `32 MiB` */
export function answerTooLong(most: string): HelperError {
  return new HelperError(
    'AnswerTooLongError',
    `the API server sent an answer of more than ${most}`,
    CHECK_ANNOTATIONS,
  );
}

export const SHOW_WEBHOOKS =
  "Show all: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o 'custom-columns=KIND:.kind,NAME:.metadata.name,WEBHOOKS:.webhooks[*].name'";

function lateAnswer(timeoutMs: number, method: string): HelperError {
  return new HelperError(
    'LateAnswerError',
    `the API server did not answer within ${timeoutMs / 1_000} s`,
    method === 'GET'
      ? 'Check the health of the control plane; the next run retries transient errors.'
      : `Look for a slow admission webhook. ${SHOW_WEBHOOKS}`,
    { isTransient: true },
  );
}

/**
 * What a JSON text has too much of, found before it is parsed: that could take all memory.
 * @returns undefined where it may be parsed
 */
export function excessOf(json: Buffer): HelperError | undefined {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfText(json, at);
    else if (byte === COMMA) values += 1;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      depth += 1;
      values += 1;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    if (depth > DEEPEST) {
      const problem = `the API server sent an answer of more than ${DEEPEST} levels`;
      return new HelperError('AnswerTooDeepError', problem, CHECK_ENDPOINT);
    }
    if (values > MOST_VALUES) return answerTooLong(`${MOST_VALUES} values`);
  }
  return undefined;
}

/** Where a text of JSON ends that begins at a quote. */
function endOfText(json: Buffer, start: number): number {
  for (let end = json.indexOf(QUOTE, start + 1); end >= 0; end = json.indexOf(QUOTE, end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return json.length;
}
