import { pathToFileURL } from 'node:url';
import { HelperError } from '../../lambda/errors.ts';
import type * as Handler from '../../lambda/handler.ts';

type Bundle = Pick<typeof Handler, 'handler'>;

/** Loads the bundle that is deployed; `npm run build:lambda` makes it. */
export async function loadBundle(): Promise<Bundle> {
  const file = new URL('../../dist/lambda/index.mjs', pathToFileURL(import.meta.filename));
  return (await import(file.href)) as Bundle;
}

/** The report of an invocation; a refusal is thrown as the error that it is. */
export function reported(answer: Handler.Answer | Handler.Refusal): Handler.Answer {
  if ('action' in answer) return answer;
  const { code, reason, remedy } = answer.error;
  throw new HelperError(code, reason, remedy);
}

/** Lambda's context of an invocation that has `remainingMs` left. */
export function invocationContext(remainingMs = 60_000, qualifier = ''): Handler.InvocationContext {
  return {
    awsRequestId: '00000000-0000-4000-8000-000000000000',
    invokedFunctionArn: `arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper${qualifier}`,
    getRemainingTimeInMillis: () => remainingMs,
  };
}
