import { pathToFileURL } from 'node:url';
import type * as Handler from '../../lambda/handler.ts';

type Bundle = Pick<typeof Handler, 'handler'>;

/** Loads the bundle that is deployed; `npm run build:lambda` makes it. */
export async function loadBundle(): Promise<Bundle> {
  const file = new URL('../../dist/lambda/index.mjs', pathToFileURL(import.meta.filename));
  return (await import(file.href)) as Bundle;
}

/** Lambda's context of an invocation that has `remainingMs` left. */
export function invocationContext(remainingMs = 60_000, qualifier = ''): Handler.InvocationContext {
  return {
    awsRequestId: '00000000-0000-4000-8000-000000000000',
    invokedFunctionArn: `arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper${qualifier}`,
    getRemainingTimeInMillis: () => remainingMs,
  };
}
