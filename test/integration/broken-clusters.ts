import { expect } from 'vitest';
import type { HelperError } from '../../lambda/errors.ts';
import { forbiddenError } from '../../lambda/kubernetes/api-error.ts';
import { unreachableError } from '../../lambda/kubernetes/transport.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { sessionTokenCanary } from '../sandbox/aws/canary.ts';
import type { AwsEmulator } from '../sandbox/aws/server.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import type { World } from '../sandbox/world.ts';
import {
  assumeRoleError,
  clusterAccountError,
  clusterCaError,
  clusterCallError,
  clusterNotFoundError,
  clusterNotReadyError,
  unauthorizedError,
} from '../unit/expected-errors.ts';
import { applyRbac, clusterOf, FUNCTION_ROLE } from './run.ts';

const { certificatePem: caOfSomebodyElse } = await createAuthority('somebody else');

/** A cluster called broken, beside one called sound. */
export interface BrokenCluster {
  readonly title: string;
  readonly cluster?: Omit<Exclude<SettingsInput['clusters'][number], { discover: unknown }>, 'name'>;
  readonly arrange: (world: World) => void;
  /** It cannot be reached, which is tried for minutes. */
  readonly isAway?: true;
  readonly expected: Pick<HelperError, 'name' | 'problem' | 'fix'>;
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
    expected: clusterNotFoundError(NAME, REGION),
  },
  {
    title: 'is of another region',
    cluster: { region: 'us-east-1' },
    arrange: ({ aws }) => {
      aws.removeCluster({ name: NAME, region: 'us-east-1' });
      aws.addCluster({ name: NAME });
    },
    expected: clusterNotFoundError(NAME, 'us-east-1'),
  },
  described(
    'is being created',
    () => ({ status: 'CREATING' }),
    clusterNotReadyError(NAME, 'CREATING', 'endpoint'),
  ),
  described(
    'has no endpoint',
    (world) => ({ caPem: clusterOf(world, NAME).caPem }),
    clusterNotReadyError(NAME, 'ACTIVE', 'endpoint'),
  ),
  described(
    'has an endpoint without TLS',
    (world) => ({ endpoint: clusterOf(world, NAME).endpoint.replace('https', 'http') }),
    clusterNotReadyError(NAME, 'ACTIVE', 'https endpoint'),
  ),
  described(
    'has no CA',
    (world) => ({ endpoint: clusterOf(world, NAME).endpoint }),
    clusterCaError(NAME, 'is missing'),
  ),
  described(
    'has a CA that is no certificate',
    (world) => ({ endpoint: clusterOf(world, NAME).endpoint, caPem: 'no certificate' }),
    clusterCaError(NAME, 'is not a certificate in PEM'),
  ),
  {
    title: 'was found in another account',
    cluster: { accountId: '444455556666' },
    arrange: () => {},
    expected: clusterAccountError(NAME, '111122223333', '444455556666'),
  },
  {
    title: 'may not be described',
    cluster: { roleArn },
    arrange: ({ aws }) => {
      trust(aws);
      aws.deny(ROLE, 'eks:DescribeCluster');
    },
    expected: clusterCallError(NAME, REGION, 'AccessDeniedException'),
  },
  {
    title: 'has a role that may not be assumed',
    cluster: { roleArn },
    arrange: () => {},
    expected: assumeRoleError(ROLE, 'AccessDenied'),
  },
  {
    title: 'has a role whose session token is too long',
    cluster: { roleArn },
    arrange: ({ aws }) => giveLongSession(aws),
    expected: {
      problem: expect.stringMatching(
        /^the bearer token for broken has \d{4} characters and EKS accepts 4096: the session token of this identity is too long$/,
      ) as string,
      name: 'BearerTokenTooLongError',
      fix: 'Use a role with fewer session tags and a shorter session policy.',
    },
  },
  {
    title: 'does not know the role',
    cluster: { roleArn },
    arrange: (world) => {
      trust(world.aws);
      clusterOf(world, NAME).accessEntries.length = 0;
    },
    expected: unauthorizedError(NAME, region, ROLE, GROUP),
  },
  {
    title: 'does not know the function',
    arrange: (world) => {
      clusterOf(world, NAME).accessEntries.length = 0;
    },
    expected: unauthorizedError(NAME, region, FUNCTION_ROLE, GROUP),
  },
  described(
    'is another one than the name says',
    (world) => {
      const { endpoint, caPem } = clusterOf(world, 'sound');
      return { endpoint, caPem };
    },
    unauthorizedError(NAME, region, FUNCTION_ROLE, GROUP),
  ),
  {
    title: 'has no RBAC for the function',
    arrange: (world) => {
      clusterOf(world, NAME).manifest.length = 0;
    },
    expected: forbiddenError('list', 'namespaces', applyRbac(NAME)),
  },
  {
    ...described(
      'has a certificate of another CA',
      (world) => ({ endpoint: clusterOf(world, NAME).endpoint, caPem: caOfSomebodyElse }),
      unreachableError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    ),
  },
  {
    ...described(
      'does not listen',
      (world) => ({ endpoint: 'https://127.0.0.1:9', caPem: clusterOf(world, NAME).caPem }),
      unreachableError('ECONNREFUSED'),
    ),
    isAway: true,
  },
  {
    ...described(
      'is public for some addresses only',
      (world) => ({
        endpoint: 'https://127.0.0.1:9',
        caPem: clusterOf(world, NAME).caPem,
        publicAccessCidrs: ['203.0.113.0/24', '198.51.100.7/32'],
      }),
      unreachableError('ECONNREFUSED', ['203.0.113.0/24', '198.51.100.7/32']),
    ),
    isAway: true,
  },
];
