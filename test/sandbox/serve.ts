import { once } from 'node:events';
import { invocationContext, loadBundle } from './bundle.ts';
import { deniedByWebhook } from './kubernetes/admission.ts';
import type { KubernetesEmulator } from './kubernetes/server.ts';
import { FUNCTION, startWorld, type World } from './world.ts';

/** How the stack is called by default, and a function as CloudFormation names it. */
const STACK = 'ecr-registry-helper';
const SECRET = 'ecr-docker-creds';

/** What can be broken, and the command that finds it. */
const FAULTS: Readonly<
  Record<string, readonly ['doctor' | 'status', (world: World, cluster: KubernetesEmulator) => void]>
> = {
  rbac: ['doctor', (_, { manifest }) => void manifest.splice(0)],
  rule: [
    'doctor',
    ({ aws: { rules } }) => {
      for (const [name, rule] of rules) rules.set(name, { ...rule, state: 'DISABLED' });
    },
  ],
  token: ['doctor', ({ aws }) => aws.deny(aws.principal.arn, 'ecr:GetAuthorizationToken')],
  blocked: ['status', (_, cluster) => void cluster.putSecret('shop', SECRET, { manager: 'vault-agent' })],
  webhook: [
    'doctor',
    (_, { admission }) => void admission.push(() => deniedByWebhook('secrets.example.com', 'not signed')),
  ],
};
export const BROKEN = Object.keys(FAULTS);

/** Serves a stack with its function and a cluster until Ctrl-C. @param broken one of {@link BROKEN} */
export async function serve(broken?: string): Promise<void> {
  const { handler } = await loadBundle();
  const world = await startWorld({ clusters: [{ name: 'demo' }], cleanup: true });
  const { aws, clusters, env } = world;
  const cluster = clusters.get('demo');
  if (!cluster) throw new Error('the sandbox has no cluster demo');
  for (const name of ['team-a', 'team-b', 'shop']) cluster.addNamespace(name);
  aws.stacks.set(STACK, { FunctionName: FUNCTION });
  aws.functions.set(FUNCTION, (event) => handler(event, invocationContext()));
  // as who deployed it would have: printed commands repeat it
  Object.assign(process.env, env, { DEPLOYED_BY: '-c cluster=demo' });
  const [command, break_] = FAULTS[broken ?? ''] ?? ['status'];
  if (break_) {
    break_(world, cluster);
    Object.assign(process.env, { POWERTOOLS_LOG_LEVEL: 'SILENT', POWERTOOLS_METRICS_DISABLED: 'true' });
    await handler({}, invocationContext());
    delete process.env.POWERTOOLS_LOG_LEVEL;
    delete process.env.POWERTOOLS_METRICS_DISABLED;
  }

  const you = aws.addUser(`arn:aws:iam::${aws.accountId}:user/you`);
  console.log(`# A stack ${STACK} with its function and the cluster demo, on 127.0.0.1 until Ctrl-C. In another terminal:
unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_ENDPOINT_URL=${aws.origin} AWS_REGION=${aws.region}
export AWS_ACCESS_KEY_ID=${you.accessKeyId} AWS_SECRET_ACCESS_KEY=${you.secretAccessKey}
# ${break_ ? `something is broken (${broken}); find it` : 'then for example'}: npm run -s cli -- ${command}
# What the function logs follows.`);
  await once(process, 'SIGINT');
  await world.close();
}
