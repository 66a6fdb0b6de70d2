import { InvokeCommand } from '@aws-sdk/client-lambda';
import { partition } from '@aws-sdk/util-endpoints';
import { callAws, type VpcFunctionRoles } from './aws.ts';
import type { RunContext } from './context.ts';
import { checkRule } from './doctor/aws-checks.ts';
import { type DoctorReport, failedBy } from './doctor/report.ts';
import { codeOf, EventError, HelperError, parseJson, toHelperError } from './errors.ts';
import type { Answer, Refusal } from './handler.ts';
import { type Report, reportError, Tally, timesOf } from './refresh/report.ts';
import type { Scope } from './request.ts';
import { accessRole, accessRoleName, vpcStackOf } from './settings/locations.ts';
import type { AccessStackSettings, Settings } from './settings/schema.ts';

/**
 * Decides whether a VPC function runs a request: returns the access stack whose VPC reaches the clusters of the scope;
 * undefined where this function reaches them.
 * @param own the roles of this function, where it is a VPC function
 * @throws EventError when some are reached from another VPC than others
 */
export function findVpcFunction(
  settings: Settings,
  { clusters }: Scope,
  own: VpcFunctionRoles | undefined,
): AccessStackSettings | undefined {
  if (!settings.accessStacks.some(({ vpc }) => vpc)) return undefined;
  const [first, ...others] = clusters;
  const stack = first && vpcStackOf(settings, first.cluster);
  const other = others.find(({ cluster }) => vpcStackOf(settings, cluster) !== stack);
  if (first && other) {
    throw new EventError(
      `clusters: ${first.id} and ${other.id} are not reached from the same VPC; name those of one account and region`,
    );
  }
  return first?.cluster.roleArn === own?.accessRoleArn ? undefined : stack;
}

/**
 * Has the function of an access stack run a request, and adds what only this one knows. A function that does not answer
 * fails the clusters of a refresh, a plan and a doctor.
 * @throws HelperError for a status and a cleanup: VpcFunctionError, AssumeRoleError, DeadlineError
 */
export async function invokeVpcFunction(ctx: RunContext, stack: AccessStackSettings): Promise<Answer> {
  const { action, clusters: ids = [] } = ctx.request;
  const answer = await invoke(ctx, stack).catch(toHelperError);
  if (action === 'doctor') {
    const rule = await checkRule(ctx);
    const report = answer instanceof HelperError ? undefined : (answer as DoctorReport);
    const findings = report?.findings ?? ids.map((id) => failedBy('cluster', `cluster ${id}`, answer));
    const ok = rule.result !== 'fail' && report?.ok === true;
    const identity = report?.identity && { identity: report.identity };
    const secrets = report?.secrets ?? [];
    return { ...timesOf(ctx), action, ok, ...identity, findings: [rule, ...findings], secrets };
  }
  if (!(answer instanceof HelperError)) return answer;
  if (action !== 'refresh' && action !== 'plan') throw answer;
  const clusters = ids.map((id): Report['clusters'][number] => ({
    id,
    ok: false,
    ...new Tally().result(),
    durationMs: 0,
    error: reportError(answer),
  }));
  return { ...timesOf(ctx), action, ok: false, secrets: [], clusters };
}

/** Sends no more than a person could send. */
async function invoke(
  { aws, settings, request, deadline, environment }: RunContext,
  { accountId, region }: AccessStackSettings,
): Promise<Answer> {
  const { origin: _, changed: __, dueAt, ...manual } = request;
  const event = { ...manual, ...(dueAt !== undefined && { startedAt: new Date(dueAt).toISOString() }) };
  const { name } = partition(region);
  const identity = accessRole(settings, { accountId, region }, name) ?? {};
  const functionArn = `arn:${name}:lambda:${region}:${accountId}:function:${accessRoleName(settings.name, region)}`;
  const toError = (code: string) =>
    new HelperError(
      'RelayError',
      `the VPC function ${functionArn} did not answer (${code})`,
      code === 'ResourceNotFoundException' || code === 'AccessDeniedException'
        ? `Deploy its access stack: ${environment.deployCommand}`
        : 'Its log says what it did, and why it failed; the next run retries transient errors.',
    );
  const { Payload: payload, FunctionError: failed } = await callAws(
    (options) =>
      aws
        .lambda(region, identity)
        .send(
          new InvokeCommand({ FunctionName: functionArn, Payload: Buffer.from(JSON.stringify(event)) }),
          options,
        ),
    deadline.signal,
    toError,
  );
  const answer = parseJson(payload?.transformToString() ?? '');
  const { ok, action, error, errorType } = (answer ?? {}) as Partial<Report & Refusal> & {
    errorType?: unknown;
  };
  // https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
  if (failed && answer !== undefined) throw toError(codeOf({ code: errorType }));
  if (error && !action) throw toError(codeOf(error));
  if (typeof ok !== 'boolean' || action !== request.action) throw toError('NoAnswer');
  return answer as Answer;
}
