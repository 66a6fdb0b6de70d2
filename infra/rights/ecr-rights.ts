import type { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { EcrRegistry, Settings } from '../../lambda/settings.ts';
import { cacheGlobs, cacheRights, IMPORT, publicRights } from './registry-rights.ts';
import type { Right } from './rights.ts';

/** What a client that pulls needs of a repository: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull.html */
export const PULL = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'];

/** The rights to fetch tokens that pull, with the rights that these tokens carry, and the denial of all else in ECR. */
export function ecrRights(stack: Stack, { secrets }: Pick<Settings, 'secrets'>): Right[] {
  const own = secrets
    .filter(({ repositories }) => !repositories)
    .flatMap((entry) => entry.registries)
    .filter(
      (registry): registry is EcrRegistry =>
        registry.type === 'ecr' && !registry.roleArn && !registry.keysSecretId,
    );
  const caches = [...new Set(own.flatMap((one) => repositoryArns(stack, one, cacheGlobs(one))))];
  const repositories = own.flatMap((one) => repositoryArns(stack, one, one.repositories));
  return [
    {
      sid: 'FetchToken',
      why: 'GetAuthorizationToken knows no resources',
      actions: ['ecr:GetAuthorizationToken'],
      resources: own.length > 0 ? ['*'] : [],
    },
    {
      sid: 'PullWithToken',
      why: 'whoever holds the token pulls with the rights of this role; the settings choose the repositories',
      actions: PULL,
      resources: [...new Set(repositories)],
    },
    {
      sid: 'NothingElseInRepositories',
      why: "the token goes to every namespace, and a repository's policy could let this role push",
      effect: iam.Effect.DENY,
      notActions: ['ecr:GetAuthorizationToken', ...PULL, ...(caches.length > 0 ? IMPORT : [])],
      resources: [stack.formatArn({ service: 'ecr', region: '*', account: '*', resource: '*' })],
    },
    ...cacheRights(caches),
    ...publicRights(
      stack,
      secrets.flatMap((entry) => entry.registries),
    ),
    {
      sid: 'NothingElseInRegistries',
      why: 'the actions of a whole registry have no resource, so the statement above does not reach them',
      effect: iam.Effect.DENY,
      actions: [
        'ecr:*Registry*',
        'ecr:*Replication*',
        'ecr:*PullThroughCache*',
        'ecr:*CreationTemplate*',
        'ecr:*AccountSetting*',
        'ecr:*SigningConfiguration*',
        'ecr:*PullTimeUpdate*',
      ],
      resources: ['*'],
    },
  ];
}

/** The repositories of a registry by globs, in which `*` is what it is to IAM: any characters, `/` too. */
export function repositoryArns(
  stack: Stack,
  { region, accountId }: Pick<EcrRegistry, 'region' | 'accountId'>,
  globs: readonly string[],
): string[] {
  return globs.map((glob) =>
    stack.formatArn({
      service: 'ecr',
      resource: 'repository',
      resourceName: glob,
      region: region ?? stack.region,
      account: accountId ?? stack.account,
    }),
  );
}
