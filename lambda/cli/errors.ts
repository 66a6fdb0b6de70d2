import { codeOf, HelperError } from '../errors.ts';

/** What was typed makes no sense; nothing was asked or done. */
export class UsageError extends HelperError {
  constructor(problem: string) {
    super(problem, 'Add --help to see what there is.');
  }
}

export class CredentialsError extends HelperError {
  constructor(code: string) {
    super(
      `there are no AWS credentials that hold (${code})`,
      'Sign in (aws sso login), or name a profile by --profile or AWS_PROFILE.',
    );
  }
}

export class RegionError extends HelperError {
  constructor() {
    super('no AWS region is known', 'Give --region, set AWS_REGION, or take a profile that has one.');
  }
}

export class StackNotFoundError extends HelperError {
  constructor(stack: string, region: string) {
    super(
      `there is no stack ${stack} in ${region}`,
      'Give its name by --stack, its region by --region, or the function itself by --function.',
    );
  }
}

export class StackOutputError extends HelperError {
  constructor(stack: string) {
    super(
      `the stack ${stack} has no output FunctionName`,
      'Give the stack of the helper by --stack, or the function itself by --function.',
    );
  }
}

export class FunctionNotFoundError extends HelperError {
  constructor(name: string, region: string) {
    super(
      `there is no function ${name} in ${region}`,
      'Correct --function or --region; the output FunctionName of the stack says what it is called.',
    );
  }
}

/** A call of the command line's own to AWS failed. */
export class AwsCallError extends HelperError {
  constructor(action: string, object: string, code: string) {
    super(
      `${action} on ${object} failed (${code})`,
      /AccessDenied/.test(code)
        ? `Allow ${action} on it to your own identity.`
        : action === 'lambda:InvokeFunction'
          ? 'If the function was reached, it may be running: look at its log before you start it again.'
          : 'Check that AWS can be reached from here, and try it again.',
    );
  }
}

/** The function ended with an error; its message says what to do. */
export class FunctionFailedError extends HelperError {
  constructor(name: string, message: string) {
    super(`the function ${name} failed: ${message.replace(/\.$/, '')}`, 'Its log says more.');
  }
}

export class NoAnswerError extends HelperError {
  constructor(name: string) {
    super(
      `the function ${name} answered something that is none of its reports`,
      'Check that it is the helper, and of the version of this command line.',
    );
  }
}

/** A token that an administrator fetches carries an administrator's rights into every namespace. */
export class OwnTokenError extends HelperError {
  constructor(places: readonly string[]) {
    super(
      `refresh --local would spread a token of your own identity: ${places.join(', ')} has neither roleArn nor keysSecretId`,
      'Give the registry a roleArn that may only pull, or leave out --local: then the function fetches it.',
    );
  }
}

/** What a failed call to AWS means for a person at the command line. */
export function awsFault(fault: unknown, action: string, object: string): HelperError {
  if (fault instanceof HelperError) return fault;
  const code = codeOf(fault);
  if (/^(Credentials|Token)ProviderError$|ExpiredToken|InvalidClientTokenId|UnrecognizedClient/.test(code)) {
    return new CredentialsError(code);
  }
  if (fault instanceof Error && fault.message === 'Region is missing') return new RegionError();
  return new AwsCallError(action, object, code);
}
