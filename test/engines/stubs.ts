import type { Deployment } from './deployment.ts';

/** What of AWS no engine of others has played, each with the reason. */
export function describeStubs({ engine, emulators }: Deployment): string {
  const kubectl = emulators.applied.map(({ request, cluster }) => `${request} ${cluster}`).join(', ');
  const stubs = [
    [
      'ECR, EKS, STS, Secrets Manager of the function',
      "this project's own emulators: LocalStack's core has no ECR and no EKS, and an emulated cluster cannot check a signature made with keys of its STS",
    ],
    [
      'The clusters',
      "this project's own emulator of the API server; its admission policy is a twin in TypeScript",
    ],
    ['Resources that CloudFormation took without making anything', engine.typesNotMade.join(', ') || 'none'],
    [
      'Changes of resources that CloudFormation took without making them',
      engine.typesNotChanged.join(', ') || 'none',
    ],
    [
      'Custom resources, and changes of rules',
      'test/engines/localstack/resources.py does what the CloudFormation of LocalStack lacks: it calls the functions of CDK, and changes the rules',
    ],
    [
      'The schedule of the fleet',
      'not played: the deployment and this command start the state machine, and no rule of EventBridge does',
    ],
    [
      'IAM',
      'roles and policies are stored, and no call is checked against them; the function runs with a session of the emulated STS',
    ],
    ['Access entries', 'the emulated clusters map the role from the beginning'],
    [
      'kubectl',
      `CDK's provider framework ran; the Python function with kubectl did not: its events (${kubectl}) went to the emulated clusters`,
    ],
    [
      'Metrics and alarms',
      'LocalStack does not read the embedded metric format, so no alarm changes its state',
    ],
    [
      'Log groups',
      'LocalStack deletes a resource with the policy RetainExceptOnCreate, so the log group of the function does not stay; it ignores the LogGroup of a function, and test/engines/localstack/functions.py sends its lines there',
    ],
    [
      'The runtime',
      'Node.js of this project with aws-lambda-ric on this host: no arm64, no memory limit, no container',
    ],
    [
      'JSONata',
      'com.dashjoin:jsonata 0.9.7; LocalStack leaves quotes in string variables as they are, and test/engines/localstack/jsonata.py escapes them',
    ],
    [
      'Times',
      "Lambda's pauses before retries are 1 and 2 s, the delay and visibility timeout of the queue 0 and 5 s, the waits of the state machine 1 s",
    ],
  ];
  return stubs.map(([what, why]) => `  ${what}: ${why}`).join('\n');
}
