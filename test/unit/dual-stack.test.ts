import { afterEach, expect, test, vi } from 'vitest';
import type { AwsClients, EndpointKinds } from '../../lambda/aws.ts';
import { systemClock } from '../../lambda/context.ts';
import { eksTokens, stsSigner } from '../../lambda/kubernetes/eks.ts';
import { awsClientsOf } from './aws-clients.ts';

const REGION = 'eu-west-1';
const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' };

afterEach(() => vi.unstubAllEnvs());

function access(): AwsClients {
  return awsClientsOf(REGION);
}

test.for([
  ['true', 'eks', true],
  ['true', 'lambda', true],
  ['false', 'eks', false],
  ['', 'eks', false],
] as const)(
  'with AWS_USE_DUALSTACK_ENDPOINT=%s the client of %s uses dual-stack: %s',
  async ([value, name, is]) => {
    vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', value);
    const aws = access();
    const client = name === 'eks' ? aws.eks(REGION, {}) : aws.lambda(REGION, {});
    expect(await client.config.useDualstackEndpoint()).toBe(is);
    aws.destroy();
  },
);

test.for<[EndpointKinds, boolean]>([
  [{}, false],
  [{ dualStack: false }, false],
  [{ dualStack: true }, true],
])('a registry decides for itself, as its hosts follow: %j', async ([kinds, is]) => {
  for (const value of ['true', 'false']) {
    vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', value);
    const aws = access();
    expect(await aws.ecr(REGION, {}, kinds).config.useDualstackEndpoint()).toBe(is);
    aws.destroy();
  }
});

test('a bearer token stays signed for the host that the authenticator accepts', async () => {
  vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', 'true');
  const tokens = eksTokens('demo', REGION, stsSigner(REGION, keys), systemClock);
  const token = (await tokens.current()).reveal().replace('k8s-aws-v1.', '');
  expect(Buffer.from(token, 'base64url').toString()).toMatch(/^https:\/\/sts\.eu-west-1\.amazonaws\.com\/\?/);
});
