import type { ServerResponse } from 'node:http';
import { type Protocol, type Reply, ServiceError, xmlText } from './service.ts';

const contentTypes: Record<Protocol, string> = {
  json: 'application/x-amz-json-1.1',
  rest: 'application/json',
  query: 'text/xml',
};

/** The errors that every service has, under the names that its protocol gives them. */
export const commonErrors = {
  unknownKey: (protocol: Protocol) =>
    protocol === 'query'
      ? new ServiceError(
          'InvalidClientTokenId',
          403,
          'The security token included in the request is invalid.',
        )
      : new ServiceError(
          'UnrecognizedClientException',
          protocol === 'rest' ? 403 : 400,
          'The security token included in the request is invalid.',
        ),
  expiredKey: (protocol: Protocol) =>
    new ServiceError(
      protocol === 'query' ? 'ExpiredToken' : 'ExpiredTokenException',
      protocol === 'json' ? 400 : 403,
      'The security token included in the request is expired',
    ),
  badSignature: (protocol: Protocol) =>
    new ServiceError(
      protocol === 'query' ? 'SignatureDoesNotMatch' : 'InvalidSignatureException',
      protocol === 'json' ? 400 : 403,
      'The request signature we calculated does not match the signature you provided, or it has expired.',
    ),
  unsigned: (protocol: Protocol) =>
    new ServiceError(
      protocol === 'query' ? 'MissingAuthenticationToken' : 'MissingAuthenticationTokenException',
      protocol === 'json' ? 400 : 403,
      'Missing Authentication Token',
    ),
  denied: (protocol: Protocol, principalArn: string, action: string, resource: string) =>
    new ServiceError(
      protocol === 'query' ? 'AccessDenied' : 'AccessDeniedException',
      protocol === 'json' ? 400 : 403,
      `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource} ` +
        `with an explicit deny in an identity-based policy`,
    ),
  throttled: (protocol: Protocol) =>
    new ServiceError(
      protocol === 'query' ? 'Throttling' : 'ThrottlingException',
      protocol === 'rest' ? 429 : 400,
      'Rate exceeded',
    ),
};

export function sendBody(response: ServerResponse, protocol: Protocol, answer: string | Reply): void {
  const { body, headers } = typeof answer === 'string' ? { body: answer, headers: {} } : answer;
  response.writeHead(200, { 'Content-Type': contentTypes[protocol], ...headers });
  response.end(body);
}

/** Answers with an error in the shape of the service's protocol. */
export function sendError(
  response: ServerResponse,
  protocol: Protocol,
  requestId: string,
  error: ServiceError,
): void {
  const { code, status, message, fields } = error;
  if (protocol === 'query') {
    response.writeHead(status, { 'Content-Type': contentTypes.query });
    const type = status >= 500 ? 'Receiver' : 'Sender';
    const body = `<Type>${type}</Type><Code>${code}</Code><Message>${xmlText(message)}</Message>`;
    response.end(
      `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>${body}</Error>` +
        `<RequestId>${requestId}</RequestId></ErrorResponse>`,
    );
    return;
  }
  // JSON 1.1 names the error in the body, REST in a header.
  response.writeHead(status, {
    'Content-Type': contentTypes[protocol],
    ...(protocol === 'rest' && { 'x-amzn-ErrorType': code }),
  });
  response.end(JSON.stringify({ ...(protocol === 'json' && { __type: code }), ...fields, message }));
}
