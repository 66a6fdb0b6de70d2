import type { Identities } from './identities.ts';
import { type Caller, type Operation, type Service, ServiceError, xmlText } from './service.ts';
import type { WebIdentityIssuer } from './web-identity.ts';

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** AWS STS's AssumeRole, whose keys are known to all services from then on, GetCallerIdentity and GetWebIdentityToken. */
export function createSts(identities: Identities, issuer: WebIdentityIssuer): Service {
  const operations: Record<string, (operation: Operation, caller: Caller) => string> = {
    AssumeRole: (operation, caller) => assumeRole(operation, caller, identities),
    GetCallerIdentity: (_operation, { principal }) =>
      toXml({ Arn: principal.arn, UserId: principal.userId, Account: principal.accountId }),
    GetWebIdentityToken: (operation, caller) => toXml(issuer.answer(operation, caller)),
  };
  return {
    name: 'sts',
    signingName: 'sts',
    protocol: 'query',
    read(request) {
      const input = Object.fromEntries(new URLSearchParams(request.body.toString()));
      if (input.Action === undefined || request.method !== 'POST') return undefined;
      return { name: input.Action, input, ...(input.RoleArn !== undefined && { detail: input.RoleArn }) };
    },
    answer(operation, caller) {
      const { name } = operation;
      const result = operations[name]?.(operation, caller);
      if (result === undefined)
        throw new ServiceError('InvalidAction', 400, `Could not find operation ${name}`);
      return `<${name}Response xmlns="${namespace}"><${name}Result>${result}</${name}Result></${name}Response>`;
    },
  };
}

function assumeRole(operation: Operation, { principal }: Caller, identities: Identities): string {
  const { RoleArn, RoleSessionName, ExternalId, DurationSeconds } = operation.input as Record<string, string>;
  if (RoleArn === undefined || !/^[\w+=,.@-]{2,64}$/.test(RoleSessionName ?? '')) {
    throw new ServiceError(
      'ValidationError',
      400,
      'RoleArn and a RoleSessionName of 2 to 64 characters are required',
    );
  }
  const seconds = Number(DurationSeconds ?? 3_600);
  const isChained = principal.sessionToken !== undefined;
  if (!(seconds >= 900 && seconds <= 43_200) || (isChained && seconds > 3_600)) {
    const limit = isChained ? 'the 1 hour session limit for roles assumed by role chaining' : '900 to 43200';
    throw new ServiceError('ValidationError', 400, `The requested DurationSeconds exceeds ${limit}`);
  }
  if (!identities.mayAssume(principal, RoleArn, ExternalId)) {
    const action = `sts:AssumeRole on resource: ${RoleArn}`;
    throw new ServiceError(
      'AccessDenied',
      403,
      `User: ${principal.arn} is not authorized to perform: ${action}`,
    );
  }
  const session = identities.openSession(RoleArn, RoleSessionName ?? '', seconds);
  return toXml({
    Credentials: {
      AccessKeyId: session.principal.accessKeyId,
      SecretAccessKey: session.principal.secretAccessKey,
      SessionToken: session.principal.sessionToken ?? '',
      Expiration: session.expiresAt.toISOString(),
    },
    AssumedRoleUser: { AssumedRoleId: session.principal.userId, Arn: session.principal.arn },
    PackedPolicySize: '0',
  });
}

type XmlTree = { [element: string]: string | XmlTree };

function toXml(tree: XmlTree): string {
  return Object.entries(tree)
    .map(([name, value]) => `<${name}>${typeof value === 'string' ? xmlText(value) : toXml(value)}</${name}>`)
    .join('');
}
