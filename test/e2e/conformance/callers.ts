import { systemClock } from '../../../lambda/context.ts';
import { eksTokens, stsSigner } from '../../../lambda/kubernetes/eks.ts';
import type { AwsEmulator } from '../../sandbox/aws/server.ts';
import { CAUTIOUS, CLUSTER, DEPLOYMENT, roleArn } from './deployments.ts';

/** Who sends a request. `cautious` is a deployment that may delete nothing but its own. */
export type Caller =
  | 'function'
  | 'cautious'
  | 'nobody'
  | 'no signer'
  | 'wrong key'
  | 'wrong session'
  | 'other cluster'
  | 'other partition'
  | 'long ago'
  | 'unmapped role';

/** Signs the bearer token of every caller, as the function signs its own; both servers are sent the same. */
export async function tokensOf(aws: AwsEmulator): Promise<Record<Caller, string | undefined>> {
  const session = (name: string) => aws.addSession(roleArn(aws.accountId, name), 'conformance');
  const helper = session(DEPLOYMENT);
  const sign = async ({ credentials = helper, cluster = CLUSTER, region = aws.region, ageMs = 0 } = {}) => {
    const clock = { ...systemClock, now: () => Date.now() - ageMs };
    const tokens = eksTokens(cluster, region, stsSigner(region, credentials), clock);
    return (await tokens.current()).reveal();
  };
  return {
    function: await sign(),
    cautious: await sign({ credentials: session(CAUTIOUS) }),
    nobody: undefined,
    'no signer': 'k8s-aws-v1.none',
    'wrong key': await sign({ credentials: { ...helper, secretAccessKey: 'guessed' } }),
    'wrong session': await sign({ credentials: { ...helper, sessionToken: 'guessed' } }),
    'other cluster': await sign({ cluster: 'staging' }),
    'other partition': await sign({ region: 'cn-north-1' }),
    'long ago': await sign({ ageMs: 16 * 60_000 }),
    'unmapped role': await sign({ credentials: session('stranger') }),
  };
}
