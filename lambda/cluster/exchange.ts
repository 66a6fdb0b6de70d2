import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { AnswerTooLongError } from './errors.ts';

/** A page of 500 secrets by their metadata is some hundred kB; what is far longer would take the function's memory. */
export const LONGEST_ANSWER = 32 * 1024 * 1024;

/** An answer that has come to its end. */
export interface HttpAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Sends a request and reads its answer to the end, straight from undici's parser: its `request` makes a stream
 * for each answer (docs/adr/0007).
 * @throws AnswerTooLongError, and an error of undici or the socket when the connection fails or an answer is late or
 * cut off
 */
export function exchange(dispatcher: Dispatcher, request: Dispatcher.DispatchOptions): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let code = 0;
    let headers: IncomingHttpHeaders = {};
    // without `reset`, undici gives up the connection after a DELETE with a body
    dispatcher.dispatch(
      { ...request, reset: false },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, ...started) => {
          [code, headers] = started;
        },
        onResponseData: (controller, chunk) => {
          bytes += chunk.length;
          if (bytes > LONGEST_ANSWER) controller.abort(new AnswerTooLongError(LONGEST_ANSWER));
          else chunks.push(chunk);
        },
        onResponseEnd: () => resolve({ code, headers, text: Buffer.concat(chunks).toString() }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}
