import { expect } from 'vitest';
import {
  BearerTokenTooLongError,
  ClusterAccountError,
  ClusterCaError,
  ClusterCallError,
  ClusterNotFoundError,
  ClusterNotReadyError,
  ForbiddenError,
  UnauthorizedError,
  UnreachableError,
} from '../../lambda/cluster/errors.ts';
import { AssumeRoleError, type HelperError } from '../../lambda/errors.ts';
import type { SettingsInput } from '../../lambda/settings.ts';
import { sessionTokenCanary } from '../sandbox/aws/canary.ts';
import type { AwsEmulator } from '../sandbox/aws/server.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import type { World } from '../sandbox/world.ts';
import { clusterOf, FUNCTION_ROLE } from './run.ts';

const { certificatePem: caOfSomebodyElse } = await createAuthority('somebody else');

/** A cluster called broken, beside one called sound. */
export interface BrokenCluster {
  readonly title: string;
  readonly cluster?: Omit<Exclude<SettingsInput['clusters'][number], { discover: unknown }>, 'name'>;
  readonly arrange: (world: World) => void;
  /** It cannot be reached, which is tried for minutes. */
  readonly isAway?: true;
  readonly expected: Pick<HelperError, 'problem' | 'remedy'>;
}

const NAME = 'broken';
const REGION = 'eu-west-1';
const ROLE = 'arn:aws:iam::444455556666:role/deployer';
const { region, roleArn } = { region: REGION, roleArn: ROLE };
const GROUP = 'ecr-registry-helper';

const trust = ({ addRole }: AwsEmulator) => addRole({ arn: ROLE, trusts: [FUNCTION_ROLE] });
/** Has DescribeCluster tell something else of the broken cluster. */
const described = (title: string, as: (world: World) => object, expected: HelperError): BrokenCluster => ({
  title,
  arrange: (world) => world.aws.addCluster({ name: NAME, ...as(world) }),
  expected,
});

/** A session of the role whose token makes the bearer token longer than EKS takes it. */
function giveLongSession(aws: AwsEmulator): void {
  const session = aws.addSession(ROLE, 'long');
  session.sessionToken = sessionTokenCanary + 'A'.repeat(3_000);
  const credentials = [
    `<AccessKeyId>${session.accessKeyId}</AccessKeyId>`,
    `<SecretAccessKey>${session.secretAccessKey}</SecretAccessKey>`,
    `<SessionToken>${session.sessionToken}</SessionToken>`,
    `<Expiration>${new Date(aws.now().getTime() + 3_600_000).toISOString()}</Expiration>`,
  ].join('');
  const result = `<AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult>`;
  const body = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleResponse>`;
  aws.fail({ operation: 'AssumeRole', with: { kind: 'body', status: 200, contentType: 'text/xml', body } });
}

/** Every way in which a cluster cannot be found or signed in to. */
export const brokenClusters: readonly BrokenCluster[] = [
  {
    title: 'does not exist',
    arrange: ({ aws }) => aws.removeCluster({ name: NAME }),
    expected: new ClusterNotFoundError(NAME, REGION),
  },
  {
    title: 'is of another region',
    cluster: { region: 'us-east-1' },
    arrange: ({ aws }) => {
      aws.removeCluster({ name: NAME, region: 'us-east-1' });
      aws.addCluster({ name: NAME });
    },
    expected: new ClusterNotFoundError(NAME, 'us-east-1'),
  },
  described(
    'is being created',
    () => ({ status: 'CREATING' }),
    new ClusterNotReadyError(NAME, 'CREATING', 'endpoint'),
  ),
  described(
    'has no endpoint',
    (world) => ({ caPem: clusterOf(world, NAME).caPem }),
    new ClusterNotReadyError(NAME, 'ACTIVE', 'endpoint'),
  ),
  described(
    'has an endpoint without TLS',
    (world) => ({ endpoint: clusterOf(world, NAME).endpoint.replace('https', 'http') }),
    new ClusterNotReadyError(NAME, 'ACTIVE', 'https endpoint'),
  ),
  described(
    'has no CA',
    (world) => ({ endpoint: clusterOf(world, NAME).endpoint }),
    new ClusterCaError(NAME, 'is missing'),
  ),
  described(
    'has a CA that is no certificate',
    (world) => ({ endpoint: clusterOf(world, NAME).endpoint, caPem: 'no certificate' }),
    new ClusterCaError(NAME, 'is no certificate in PEM'),
  ),
  {
    title: 'was found in another account',
    cluster: { accountId: '444455556666' },
    arrange: () => {},
    expected: new ClusterAccountError(NAME, '111122223333', '444455556666'),
  },
  {
    title: 'may not be described',
    cluster: { roleArn },
    arrange: ({ aws }) => {
      trust(aws);
      aws.deny(ROLE, 'eks:DescribeCluster');
    },
    expected: new ClusterCallError(NAME, REGION, 'AccessDeniedException'),
  },
  {
    title: 'has a role that may not be assumed',
    cluster: { roleArn },
    arrange: () => {},
    expected: new AssumeRoleError(ROLE, 'AccessDenied'),
  },
  {
    title: 'has a role whose session token is too long',
    cluster: { roleArn },
    arrange: ({ aws }) => giveLongSession(aws),
    expected: {
      problem: expect.stringMatching(
        /^the bearer token for broken has \d{4} characters and EKS takes 4096: the session token of this identity is too long$/,
      ) as string,
      remedy: new BearerTokenTooLongError(NAME, 0, 0).remedy,
    },
  },
  {
    title: 'does not know the role',
    cluster: { roleArn },
    arrange: (world) => {
      trust(world.aws);
      clusterOf(world, NAME).accessEntries.length = 0;
    },
    expected: new UnauthorizedError(NAME, region, ROLE, GROUP),
  },
  {
    title: 'does not know the function',
    arrange: (world) => {
      clusterOf(world, NAME).accessEntries.length = 0;
    },
    expected: new UnauthorizedError(NAME, region, 'FUNCTION_ROLE_ARN', GROUP),
  },
  described(
    'is another one than the name says',
    (world) => {
      const { endpoint, caPem } = clusterOf(world, 'sound');
      return { endpoint, caPem };
    },
    new UnauthorizedError(NAME, region, 'FUNCTION_ROLE_ARN', GROUP),
  ),
  {
    title: 'has no RBAC for the function',
    arrange: (world) => {
      clusterOf(world, NAME).manifest.length = 0;
    },
    expected: new ForbiddenError('list', 'namespaces'),
  },
  {
    ...described(
      'has a certificate of another CA',
      (world) => ({ endpoint: clusterOf(world, NAME).endpoint, caPem: caOfSomebodyElse }),
      new UnreachableError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    ),
  },
  {
    ...described(
      'does not listen',
      (world) => ({ endpoint: 'https://127.0.0.1:9', caPem: clusterOf(world, NAME).caPem }),
      new UnreachableError('ECONNREFUSED'),
    ),
    isAway: true,
  },
];
