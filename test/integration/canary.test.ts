import { describe, expect, it } from 'vitest';
import { findSecrets, passwordCanary, secretKeyCanary, sessionTokenCanary } from '../sandbox/aws/canary.ts';
import { type AdmissionRequest, deniedByPolicy, deniedByWebhook } from '../sandbox/kubernetes/admission.ts';
import { captured } from './capture.ts';
import { authsOf, clusterOf, deploy, invoke, SECRET } from './run.ts';
import { searched } from './searched.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

const logged = (text: string) => async () => console.log(text);
const written = (stream: NodeJS.WriteStream, text: string) => async () => void stream.write(text);
const thrown = (fault: unknown) => () => Promise.reject(fault);

// Every run of every integration test is searched for secrets; here it is shown that one would be found.
describe('a run that shows a secret does not pass', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['in the log', logged(`token ${passwordCanary}`)],
    ['in the log as a pull secret holds it', logged(Buffer.from(`AWS:${passwordCanary}`).toString('base64'))],
    ['on stdout', written(process.stdout, secretKeyCanary)],
    ['on stderr', written(process.stderr, sessionTokenCanary)],
    ['in what it answers', async () => ({ clusters: [{ problems: [{ reason: passwordCanary }] }] })],
    ['in an error', thrown(new Error(`got ${passwordCanary}`))],
    ['in a cause', thrown(new Error('no', { cause: new Error(`got ${secretKeyCanary}`) }))],
    ['in a field of an error', thrown(Object.assign(new Error('no'), { body: { token: passwordCanary } }))],
    [
      'in a field that is not listed',
      thrown(Object.defineProperty(new Error('no'), 'body', { value: passwordCanary })),
    ],
    ['in a bearer token', thrown(new Error('Bearer k8s-aws-v1.aHR0cHM6Ly9zdHM'))],
    ['in a presigned URL', logged('https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=0123')],
  ])('%s', async (_where, work) => {
    const run = await captured({}, work);
    expect(() => searched(run)).toThrow('a run shows');
  });

  it('as the emulators give it out', async () => {
    const world = await deploy();
    await invoke(world);
    const cluster = clusterOf(world);
    for (const value of [
      authsOf(cluster),
      cluster.secret('default', SECRET),
      world.env,
      world.aws.principal,
    ]) {
      expect(findSecrets(JSON.stringify(value))).not.toEqual([]);
    }
  });

  it('as a webhook and a policy echo it into the log', async () => {
    const world = await deploy();
    const echo = ({ object }: AdmissionRequest) => JSON.stringify(object);
    clusterOf(world).admission.push((request) =>
      request.namespace === 'default'
        ? deniedByWebhook('guard.example.com', echo(request))
        : deniedByPolicy(request, { policy: 'guard', binding: 'guard', text: echo(request) }),
    );
    expect((await invoke(world)).value).toMatchObject({ ok: true, clusters: [{ blocked: 4 }] });
  });

  it('whichever way it was run', async () => {
    const world = await deploy();
    world.env.SETTINGS = JSON.stringify({ clusters: [{ name: 'demo', region: passwordCanary }] });
    await expect(invoke(world)).rejects.toThrow('a run shows');
    await expect(refreshTimed(world, { clock: new MovedClock() })).rejects.toThrow('a run shows');
  });
});
