import type { HelperError } from '../../lambda/errors.ts';
import { secretKeyError } from '../../lambda/registries/docker-config.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { passwordCanary, secretKeyCanary } from '../sandbox/aws/canary.ts';
import type { AwsEmulator } from '../sandbox/aws/server.ts';
import {
  assumeRoleError,
  ecrCallError,
  ecrEndpointError,
  ecrTokenMalformedError,
  ecrTokenMissingError,
  hostPathTakenError,
  hostTakenError,
  secretBinaryError,
  secretCallError,
  secretMissingError,
  secretNotJsonError,
} from '../unit/expected-errors.ts';
import { FUNCTION_ROLE } from './run.ts';

type Registries = NonNullable<
  Exclude<NonNullable<SettingsInput['secrets']>[number], { type: unknown }>['registries']
>;

/** An entry of which one registry cannot be read. */
export interface BrokenEntry {
  readonly title: string;
  readonly registries: Registries;
  readonly arrange: (aws: AwsEmulator) => void;
  readonly expected: HelperError;
}

const READER = 'arn:aws:iam::444455556666:role/reader';
/** A region that only the broken entry asks. */
const FAR = 'us-east-1';
const far: Registries = [{ type: 'ecr', region: FAR }];
const byKeys: Registries = [{ type: 'ecr', keysSecretId: 'conf' }];
const stored: Registries = [{ type: 'stored', secretId: 'conf' }];
const host = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

const auth = (user: string) => Buffer.from(`${user}:${passwordCanary}`).toString('base64');
const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;

/** ECR's answer with some of its fields made wrong. */
function token(wrong: object): string {
  const right = {
    authorizationToken: auth('AWS'),
    expiresAt: inAnHour(),
    proxyEndpoint: `https://111122223333.dkr.ecr.${FAR}.amazonaws.com`,
  };
  return JSON.stringify({ authorizationData: [{ ...right, ...wrong }] });
}

function answer(title: string, body: () => string, expected: HelperError): BrokenEntry {
  const arrange = ({ fail }: AwsEmulator) => {
    fail({
      operation: 'GetAuthorizationToken',
      when: ({ region }) => region === FAR,
      with: { kind: 'body', status: 200, contentType: 'application/x-amz-json-1.1', body: body() },
    });
  };
  return { title, registries: far, arrange, expected };
}

function value(
  title: string,
  registries: Registries,
  held: object | string | Uint8Array,
  expected: HelperError,
) {
  const text = typeof held === 'string' || held instanceof Uint8Array ? held : JSON.stringify(held);
  const arrange = ({ addSecret }: AwsEmulator) => void addSecret({ name: 'conf', value: text });
  return { title, registries, arrange, expected };
}

const keys = {
  aws_access_key_id: 'AKIACANARYUSER000001',
  aws_secret_access_key: `${secretKeyCanary}0123456789abcdef`,
};
const { aws_secret_access_key: _, ...withoutSecretKey } = keys;
const malformed = 'is not "AWS:password" in base64';

/** Every way in which the registries of an entry fail. */
export const brokenEntries: readonly BrokenEntry[] = [
  answer('ECR gives no data', () => '{"authorizationData":[]}', ecrTokenMissingError(FAR, 'token')),
  answer('ECR gives nothing at all', () => '{}', ecrTokenMissingError(FAR, 'token')),
  answer('ECR gives no token', () => token({ authorizationToken: null }), ecrTokenMissingError(FAR, 'token')),
  answer('ECR gives no expiry', () => token({ expiresAt: null }), ecrTokenMissingError(FAR, 'expiry')),
  answer(
    "ECR gives an endpoint that is not AWS's",
    () => token({ proxyEndpoint: 'http://localhost' }),
    ecrEndpointError(FAR, 'http://localhost'),
  ),
  answer(
    'the token is no base64',
    () => token({ authorizationToken: `AWS:${passwordCanary}!` }),
    ecrTokenMalformedError(FAR, malformed),
  ),
  answer(
    'the token is for another user',
    () => token({ authorizationToken: auth('root') }),
    ecrTokenMalformedError(FAR, malformed),
  ),
  answer(
    'the token has expired',
    () => token({ expiresAt: inAnHour() - 7_200 }),
    ecrTokenMalformedError(FAR, 'has expired already'),
  ),
  {
    title: 'ECR denies the role',
    registries: [{ type: 'ecr', roleArn: READER }],
    arrange: ({ addRole, deny }) => {
      addRole({ arn: READER, trusts: [FUNCTION_ROLE] });
      deny(READER, 'ecr:GetAuthorizationToken');
    },
    expected: ecrCallError('eu-west-1', 'AccessDeniedException'),
  },
  {
    // the SDK calls a reset so
    title: 'ECR is away',
    registries: far,
    arrange: ({ fail }) => {
      fail({
        operation: 'GetAuthorizationToken',
        when: ({ region }) => region === FAR,
        times: Number.POSITIVE_INFINITY,
        with: { kind: 'reset' },
      });
    },
    expected: ecrCallError(FAR, 'TimeoutError'),
  },
  {
    title: 'nobody has the keys any more',
    registries: [{ type: 'ecr', keysSecretId: 'conf' }],
    arrange: ({ addSecret }) => void addSecret({ name: 'conf', value: JSON.stringify(keys) }),
    expected: ecrCallError('eu-west-1', 'UnrecognizedClientException'),
  },
  {
    title: 'the role does not trust the function',
    registries: [{ type: 'ecr', roleArn: READER }],
    arrange: ({ addRole }) => addRole({ arn: READER, trusts: ['arn:aws:iam::444455556666:root'] }),
    expected: assumeRoleError(READER, 'AccessDenied'),
  },
  {
    title: 'the role does not trust the keys',
    registries: [{ type: 'ecr', keysSecretId: 'conf', roleArn: READER }],
    arrange: ({ addRole, addUser, addSecret }) => {
      const [accessKeyId, secretAccessKey] = [keys.aws_access_key_id, keys.aws_secret_access_key];
      addUser('arn:aws:iam::222233334444:user/ci', { accessKeyId, secretAccessKey });
      addRole({ arn: READER, trusts: [FUNCTION_ROLE] });
      addSecret({ name: 'conf', value: JSON.stringify(keys) });
    },
    expected: assumeRoleError(READER, 'AccessDenied'),
  },
  {
    title: 'the keys are not there',
    registries: byKeys,
    arrange: () => {},
    expected: secretMissingError('conf'),
  },
  {
    title: 'the docker config is not there',
    registries: stored,
    arrange: () => {},
    expected: secretMissingError('conf'),
  },
  {
    title: 'Secrets Manager denies the function',
    registries: stored,
    arrange: ({ deny }) => deny(FUNCTION_ROLE, 'secretsmanager:GetSecretValue'),
    expected: secretCallError('conf', 'AccessDeniedException'),
  },
  {
    title: 'KMS denies the function',
    registries: byKeys,
    arrange: ({ addSecret }) => void addSecret({ name: 'conf', value: '{}', kmsDenied: true }),
    expected: secretCallError('conf', 'AccessDeniedException'),
  },
  value('the keys are binary', byKeys, Buffer.from(JSON.stringify(keys)), secretBinaryError('conf')),
  value('the keys are no JSON', byKeys, secretKeyCanary, secretNotJsonError('conf')),
  value('the keys are broken JSON', byKeys, `{"a":"${secretKeyCanary}`, secretNotJsonError('conf')),
  value('the docker config is a list', stored, `["${secretKeyCanary}"]`, secretNotJsonError('conf')),
  value(
    'the keys lack one',
    byKeys,
    withoutSecretKey,
    secretKeyError('conf', 'aws_secret_access_key', 'is missing'),
  ),
  value(
    'a key is none',
    byKeys,
    { ...keys, aws_secret_access_key: `${secretKeyCanary} and more` },
    secretKeyError('conf', 'aws_secret_access_key', 'is not a secret access key'),
  ),
  value(
    'the region of the keys is none',
    byKeys,
    { ...keys, region: secretKeyCanary },
    secretKeyError('conf', 'region', 'is not an AWS region'),
  ),
  value(
    'the account of the keys is none',
    byKeys,
    { ...keys, account_id: 111122223333 },
    secretKeyError('conf', 'account_id', 'is not an account id of 12 digits'),
  ),
  ...['credHelpers', 'credsStore'].map((key) =>
    value(
      `the docker config has ${key}`,
      stored,
      { auths: { 'quay.io': { auth: auth('robot') } }, [key]: { 'quay.io': secretKeyCanary } },
      secretKeyError('conf', key, 'cannot be used in a pull secret'),
    ),
  ),
  value(
    'the docker config has no auths',
    stored,
    { 'quay.io': { auth: auth('robot') } },
    secretKeyError('conf', 'auths', 'is not an object with a registry host for each key'),
  ),
  value(
    'a host of the docker config has no auth',
    stored,
    { auths: { 'quay.io': { identitytoken: secretKeyCanary } } },
    secretKeyError(
      'conf',
      'auths["quay.io"]',
      'has an identity or registry token and no password, and kubelet cannot use such a token',
      'store a user and a password (or an access token as the password)',
    ),
  ),
  value(
    'a host is of two registries',
    [{ type: 'ecr' }, { type: 'stored', secretId: 'conf' }],
    { auths: { [`https://${host}/`]: { auth: auth('AWS') } } },
    hostTakenError(host),
  ),
  value(
    'a path of its host has a stored login',
    [{ type: 'ecr' }, { type: 'stored', secretId: 'conf' }],
    { auths: { [`${host}/team`]: { auth: auth('AWS') } } },
    hostPathTakenError(`${host}/team`, host),
  ),
];
