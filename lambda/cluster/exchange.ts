import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

/** An answer that has come to its end. */
export interface HttpAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Sends a request and reads its answer to the end, straight from undici's parser: its `request` makes a stream
 * for each answer (docs/adr/0007).
 * @throws an error of undici or the socket when the connection fails or an answer is late or cut off
 */
export function exchange(dispatcher: Dispatcher, request: Dispatcher.DispatchOptions): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
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
        onResponseData: (_controller, chunk) => {
          chunks.push(chunk);
        },
        onResponseEnd: () => resolve({ code, headers, text: Buffer.concat(chunks).toString() }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}
