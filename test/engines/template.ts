import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateStackCommand,
  DeleteStackCommand,
  UpdateStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import { InvokeCommand, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { runNode } from '../cli/process.ts';
import { type Deployment, STACK } from './deployment.ts';
import { LISTED, REGION } from './emulators.ts';
import { ENGINE_ENV } from './localstack.ts';
import { NAMESPACES } from './one-cluster.ts';
import { demand } from './steps.ts';

const BUCKET = 'code-of-ours';
const SECONDS = 240;

/** Creates or updates the stack from the files of `npm run template`, with no CDK CLI and no bootstrap. */
export async function deployTemplate(deployment: Deployment, settings: SettingsInput): Promise<string> {
  const { cloudFormation } = deployment.engine;
  const { template, zip } = await writeTemplate(settings);
  const key = `${createHash('sha256').update(zip).digest('hex')}.zip`;
  await put(BUCKET);
  await put(`${BUCKET}/${key}`, zip);
  const input = {
    StackName: STACK,
    TemplateBody: template,
    Capabilities: ['CAPABILITY_NAMED_IAM' as const],
    Parameters: Object.entries({ CodeBucket: BUCKET, CodeKey: key }).map(
      ([ParameterKey, ParameterValue]) => ({
        ParameterKey,
        ParameterValue,
      }),
    ),
  };
  const wait = { client: cloudFormation, maxWaitTime: SECONDS, minDelay: 1, maxDelay: 2 };
  const { Functions = [] } = await deployment.engine.lambda.send(new ListFunctionsCommand({}));
  const isNew = Functions.length === 0;
  await cloudFormation.send(isNew ? new CreateStackCommand(input) : new UpdateStackCommand(input));
  await (isNew ? waitUntilStackCreateComplete : waitUntilStackUpdateComplete)(wait, { StackName: STACK });
  await deployment.readOutputs();
  const runs = await deployment.readRuns(0);
  demand(!isNew || runs.length === 0, 'the deployment started a run');
  return `${isNew ? 'created' : 'updated'} by a template of ${template.length} bytes, code from S3`;
}

/** Shows that the RBAC that a person applies, and one invocation, write the secrets of these names. */
export async function showFirstRefresh(
  deployment: Deployment,
  settings: SettingsInput,
  name: string,
): Promise<string> {
  const { engine, emulators } = deployment;
  emulators.expect(settings);
  emulators.applyRbac(LISTED);
  const { Payload, FunctionError } = await engine.lambda.send(
    new InvokeCommand({ FunctionName: deployment.output('FunctionName'), Payload: Buffer.from('{}') }),
  );
  const report = Buffer.from(Payload ?? []).toString();
  demand(!FunctionError && JSON.parse(report).ok === true, `the function returned ${report}`);
  const secrets = emulators.secretsOf(LISTED);
  const missing = NAMESPACES.filter((namespace) => !secrets.includes(`${namespace}/${name}`));
  demand(missing.length === 0, `there is no ${name} in ${missing.join(', ')}`);
  return `one invocation wrote ${name} in ${NAMESPACES.join(', ')}`;
}

/** Deletes the stack, and the RBAC as a person does. */
export async function deleteTemplate({ engine, emulators }: Deployment): Promise<void> {
  await engine.cloudFormation.send(new DeleteStackCommand({ StackName: STACK }));
  const wait = { client: engine.cloudFormation, maxWaitTime: SECONDS, minDelay: 1, maxDelay: 2 };
  await waitUntilStackDeleteComplete(wait, { StackName: STACK });
  emulators.cluster(LISTED).manifest.splice(0);
}

async function writeTemplate(settings: SettingsInput): Promise<{ template: string; zip: Uint8Array }> {
  const folder = await mkdtemp(join(tmpdir(), 'engines-template-'));
  try {
    const file = join(folder, 'settings.json');
    await writeFile(file, JSON.stringify(settings));
    const { code, stderr } = await runNode('infra/template.ts', ['--settings', file, '--out', folder]);
    demand(code === 0, `the command ended with ${code}: ${stderr}`);
    const template = await readFile(join(folder, 'template.json'), 'utf8');
    return { template, zip: await readFile(join(folder, 'function.zip')) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Creates a bucket or an object; LocalStack reads the service from the header and checks no signature. */
async function put(path: string, body?: Uint8Array): Promise<void> {
  const { ok, status } = await fetch(`${ENGINE_ENV.AWS_ENDPOINT_URL}/${path}`, {
    method: 'PUT',
    body:
      body ??
      `<CreateBucketConfiguration><LocationConstraint>${REGION}</LocationConstraint></CreateBucketConfiguration>`,
    headers: {
      Authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/s3/aws4_request, SignedHeaders=host, Signature=0`,
    },
  });
  demand(ok || status === 409, `S3 answered ${status} to PUT ${path}`);
}
