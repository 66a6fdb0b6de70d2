import { once } from 'node:events';
import { invocationContext, loadBundle } from './bundle.ts';
import { FUNCTION, startWorld } from './world.ts';

/** How the stack is called by default, and a function as CloudFormation names it. */
const STACK = 'ecr-registry-helper';

const { handler } = await loadBundle();
const world = await startWorld({ clusters: [{ name: 'demo' }], cleanup: true });
const { aws, clusters, env } = world;
for (const name of ['team-a', 'team-b', 'shop']) clusters.get('demo')?.addNamespace(name);
aws.stacks.set(STACK, { FunctionName: FUNCTION });
aws.functions.set(FUNCTION, (event) => handler(event, invocationContext()));
Object.assign(process.env, env);

const you = aws.addUser(`arn:aws:iam::${aws.accountId}:user/you`);
console.log(`# A stack ${STACK} with its function and the cluster demo, on 127.0.0.1 until Ctrl-C. In another terminal:
unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_ENDPOINT_URL=${aws.origin} AWS_REGION=${aws.region}
export AWS_ACCESS_KEY_ID=${you.accessKeyId} AWS_SECRET_ACCESS_KEY=${you.secretAccessKey}
# then for example: npm run -s cli -- status
# What the function logs follows.`);
await once(process, 'SIGINT');
await world.close();
