import { type Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { SettingsError } from '../../lambda/errors.ts';
import type { EcrRegistry, RegistrySettings } from '../../lambda/settings.ts';
import type { Right } from './rights.ts';

/** What a pull through a cache needs: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html */
export const IMPORT = ['ecr:BatchImportUpstreamImage', 'ecr:CreateRepository'];

/** The right to fill a pull-through cache under the given repositories, and its explicit denial everywhere else. */
export function cacheRights(caches: string[]): Right[] {
  return [
    {
      sid: 'FillPullThroughCache',
      why: 'the first pull of an image imports it, into a repository that it creates; the settings name the prefixes',
      actions: IMPORT,
      resources: caches,
    },
    {
      sid: 'FillNothingElse',
      why: "a repository's or the registry's policy could let this role import elsewhere",
      effect: iam.Effect.DENY,
      actions: caches.length > 0 ? IMPORT : [],
      notResources: caches,
    },
  ];
}

/** The prefixes of a registry's pull-through caches as globs of repositories. */
export function cacheGlobs({ pullThroughCache = [] }: EcrRegistry): string[] {
  return pullThroughCache.map((prefix) => `${prefix}/*`);
}

/**
 * The right to a token of ECR Public, and the denial of all else there.
 * https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
 * @throws SettingsError where the stack is of another partition, which has no ECR Public
 */
export function publicRights(stack: Stack, registries: RegistrySettings[]): Right[] {
  if (!registries.some(({ type }) => type === 'ecr-public')) return [];
  if (!Token.isUnresolved(stack.partition) && stack.partition !== 'aws') {
    throw new SettingsError(
      `registries: ecr-public is of the partition aws, and the stack of ${stack.partition}; use "stored"`,
    );
  }
  return [
    {
      sid: 'FetchPublicToken',
      why: 'GetAuthorizationToken of ECR Public knows no resources',
      actions: ['ecr-public:GetAuthorizationToken'],
      resources: ['*'],
    },
    {
      sid: 'BearPublicToken',
      why: 'ECR Public has STS make its token, which knows no resources',
      actions: ['sts:GetServiceBearerToken'],
      resources: ['*'],
      conditions: { StringEquals: { 'sts:AWSServiceName': 'ecr-public.amazonaws.com' } },
    },
    {
      sid: 'NothingElseInPublic',
      why: 'the token goes to every namespace, and everybody may pull from ECR Public anyway',
      effect: iam.Effect.DENY,
      notActions: ['ecr-public:GetAuthorizationToken'],
      resources: [stack.formatArn({ service: 'ecr-public', region: '*', account: '*', resource: '*' })],
    },
  ];
}
