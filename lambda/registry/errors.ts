import { HelperError, remedyOf } from '../errors.ts';

/** Which role an entry with `repositories` has is told to the deployed function alone, and only that may assume it. */
export class PullRoleUnknownError extends HelperError {
  constructor(secret: string) {
    super(
      `the entry of ${secret} has repositories, and its pull role is not known here`,
      'Ask the deployed function (leave --local out), which alone may assume it; the stack tells it PULL_ROLE_PREFIX.',
    );
  }
}

export class EcrCallError extends HelperError {
  constructor(region: string, code: string) {
    super(
      `ECR in ${region} gave no token (${code})`,
      code === 'AccessDeniedException'
        ? 'Allow ecr:GetAuthorizationToken on * to the identity that this registry uses.'
        : remedyOf(
            code,
            'ecr.api',
            region,
            `Check that this identity is enabled in ${region}; passing faults mend themselves with the next run.`,
          ),
    );
  }
}

export class EcrPublicCallError extends HelperError {
  constructor(code: string) {
    super(
      `ECR Public gave no token (${code})`,
      code === 'AccessDeniedException'
        ? "Allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on * to the function's role."
        : 'It is asked in us-east-1 of the commercial partition, and has no interface endpoint, so a VPC needs a NAT: check that it can be reached; passing faults mend themselves with the next run.',
    );
  }
}

export class EcrTokenMissingError extends HelperError {
  constructor(region: string, lack: string) {
    super(`the answer of ECR in ${region} has no ${lack}`, 'Run it again; if it stays, ask AWS support.');
  }
}

export class EcrTokenMalformedError extends HelperError {
  constructor(region: string, problem: string) {
    super(`the token of ECR in ${region} ${problem}`, 'Run it again; if it stays, ask AWS support.');
  }
}

export class SecretCallError extends HelperError {
  constructor(secretId: string, code: string) {
    super(
      `the Secrets Manager secret ${secretId} could not be read (${code})`,
      /^(AccessDenied|Decryption)/.test(code)
        ? 'Allow secretsmanager:GetSecretValue on it to the function, and kms:Decrypt on its key if that is your own (kmsKeyArn).'
        : remedyOf(
            code,
            'secretsmanager',
            'its region',
            'Check that it is there and not about to be deleted; passing faults mend themselves with the next run.',
          ),
    );
  }
}

export class SecretMissingError extends HelperError {
  constructor(secretId: string) {
    super(
      `there is no Secrets Manager secret ${secretId}`,
      'Create it, or correct its id or region in the settings.',
    );
  }
}

export class SecretBinaryError extends HelperError {
  constructor(secretId: string) {
    super(`the Secrets Manager secret ${secretId} is binary`, 'Store its value as a string (SecretString).');
  }
}

export class SecretNotJsonError extends HelperError {
  constructor(secretId: string) {
    super(`the Secrets Manager secret ${secretId} is not a JSON object`, 'Store a JSON object in it.');
  }
}

export class SecretKeyError extends HelperError {
  constructor(secretId: string, key: string, problem: string) {
    super(`the Secrets Manager secret ${secretId}: ${key} ${problem}`, `Correct ${key} in the secret.`);
  }
}

/** Two registries of one entry serve the same host; which one should win is not for us to guess. */
export class HostTakenError extends HelperError {
  constructor(host: string) {
    super(
      `two registries of this entry serve ${host}`,
      'Remove one of them, or move it to an entry of its own.',
    );
  }
}
