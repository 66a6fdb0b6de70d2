import { mintPassword } from './canary.ts';
import type { Registries } from './registries.ts';
import { readJsonOperation, type Service, ServiceError } from './service.ts';

const lifeMs = 12 * 3_600_000;

/** ECR Public's GetAuthorizationToken: one token, of us-east-1 only. */
export function createEcrPublic(): Service {
  return {
    name: 'ecr-public',
    signingName: 'ecr-public',
    protocol: 'json',
    read: (request) => readJsonOperation(request),
    answer(operation, { principal, region, now }) {
      if (operation.name !== 'GetAuthorizationToken' || region !== 'us-east-1') {
        throw new ServiceError('UnsupportedCommandException', 400, '');
      }
      const password = mintPassword('public', principal.arn, now);
      return JSON.stringify({
        authorizationData: {
          authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
          expiresAt: (now.getTime() + lifeMs) / 1_000,
        },
      });
    },
  };
}

/**
 * Amazon ECR's GetAuthorizationToken: one token a region, for the caller's own registry, good for 12 hours.
 * @param taker is told of each
 */
export function createEcr(taker: Pick<Registries, 'issue'>): Service {
  return {
    name: 'ecr',
    signingName: 'ecr',
    protocol: 'json',
    read: (request) => readJsonOperation(request),
    answer(operation, { principal, region, now }) {
      if (operation.name !== 'GetAuthorizationToken') {
        throw new ServiceError('UnknownOperationException', 400, '');
      }
      const password = mintPassword(region, principal.arn, now);
      const expiresAt = new Date(now.getTime() + lifeMs);
      taker.issue(password, region, expiresAt, principal.arn);
      const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
      const { registryIds } = operation.input;
      const registries = Array.isArray(registryIds) ? registryIds.map(String) : [principal.accountId];
      return JSON.stringify({
        authorizationData: registries.map((registry) => ({
          authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
          // AWS JSON 1.1 writes times as seconds with a fraction.
          expiresAt: expiresAt.getTime() / 1_000,
          proxyEndpoint: `https://${registry}.dkr.ecr.${region}.${suffix}`,
        })),
      });
    },
  };
}
