import pMap, { pMapSkip } from 'p-map';
import type { Clock } from '../clock.ts';
import { HelperError } from '../errors.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import { type ClusterReport, Tally, type Verdict } from '../report.ts';
import type { SecretEntry } from '../settings.ts';
import type { KubernetesClient } from './client.ts';
import { AccountLinks } from './link-accounts.ts';
import { listNamespaces, type NamespaceQuery } from './namespaces.ts';
import { PullSecret } from './pull-secret.ts';
import { ServiceAccounts } from './service-accounts.ts';
import { type Target, targets } from './targets.ts';
import { visitCluster } from './visit.ts';

/** An entry of the settings with what its registries gave, or why nothing of it may be written. */
export interface ReadEntry {
  readonly settings: SecretEntry;
  readonly credentials: PullCredentials | HelperError;
}

/** A cluster whose API server can be asked. */
export interface OpenCluster extends KubernetesClient {
  /** Only EKS gives it one. */
  readonly arn?: string;
}

export interface ClusterRun {
  readonly id: string;
  /** @throws HelperError */
  readonly open: () => Promise<OpenCluster>;
  /** Those that are meant for this cluster. */
  readonly entries: readonly ReadEntry[];
  readonly deployment: string;
  readonly plan: boolean;
  /** The namespaces that the run is narrowed to. */
  readonly namespaces: readonly string[] | undefined;
  /** Whether one of these that is not there is skipped instead of failed. */
  readonly mayBeGone: boolean;
  /** Writes at once. */
  readonly concurrency: number;
  readonly clock: Clock;
}

const OLDER_TOKEN = '; a token that is there already stays until its end (status says whether it opens more)';

type Writable = { readonly settings: SecretEntry; readonly secret: PullSecret | undefined };

/** Brings every secret of one cluster up to date: tries all of them, then judges. Does not throw. */
export async function refreshCluster(run: ClusterRun): Promise<ClusterReport> {
  const startedAt = run.clock.now();
  const tally = new Tally();
  const entries = run.entries.map(({ settings }) => settings);
  const links = new AccountLinks(entries, tally);
  let linked = 0;
  const visit = await visitCluster(run.open, async (cluster) => {
    await writeAll(run, cluster, tally, links);
    const { deployment, plan } = run;
    linked = await links.make(new ServiceAccounts(cluster.core, { deployment, dryRun: plan }), run);
  });
  return {
    id: run.id,
    ...visit,
    ...(links.areAsked && { linked }),
    ok: !visit.error && tally.counts.failed === 0 && run.entries.every(isRead),
    ...tally.result(),
    durationMs: run.clock.now() - startedAt,
  };
}

/** Throws what ended the list early, once all writes that were under way have ended too. */
async function writeAll(
  run: ClusterRun,
  client: OpenCluster,
  tally: Tally,
  links: AccountLinks,
): Promise<void> {
  const { clock, deployment, plan } = run;
  const entries = run.entries.map(({ settings, credentials }): Writable => {
    if (credentials instanceof HelperError) return { settings, secret: undefined };
    return {
      settings,
      secret: new PullSecret({ client, deployment, entry: settings, credentials, plan, clock }),
    };
  });
  let fault: unknown;
  const flow = async function* () {
    try {
      const list = (query: NamespaceQuery) => listNamespaces(client.core, query);
      yield* targets(entries, list, run.namespaces, (problem) => {
        if (run.mayBeGone) tally.add(problem.namespace, problem.secret, { outcome: 'skipped' });
        else tally.miss(problem);
      });
    } catch (caught) {
      fault = caught;
    }
  };
  const write = async ({ entry, namespace }: Target<Writable>) => {
    const { settings } = entry;
    const judged = withOlderToken(await verdict(entry, namespace), settings);
    tally.add(namespace.name, settings.name, judged);
    links.saw(settings, namespace.name, judged.outcome);
    return pMapSkip;
  };
  await pMap(flow(), write, { concurrency: run.concurrency });
  for (const { settings, credentials } of run.entries) {
    if (credentials instanceof HelperError) tally.tell(unreadable(settings, credentials));
  }
  if (fault !== undefined) throw fault;
}

async function verdict({ secret }: Writable, namespace: Target<Writable>['namespace']): Promise<Verdict> {
  if (namespace.skip) return { outcome: 'skipped' };
  return secret ? await secret.write(namespace.name) : { outcome: 'failed' };
}

/** What stays in a namespace was not read; where tokens differ, it may open more than what was to be written. */
function withOlderToken(judged: Verdict, { repositories }: SecretEntry): Verdict {
  if (!repositories || !judged.reason) return judged;
  return { ...judged, reason: `${judged.reason}${OLDER_TOKEN}` };
}

function isRead({ credentials }: ReadEntry): boolean {
  return !(credentials instanceof HelperError);
}

function unreadable(settings: SecretEntry, { problem, remedy }: HelperError) {
  const judged = withOlderToken({ outcome: 'failed', reason: problem, remedy }, settings);
  return {
    namespace: '*',
    secret: settings.name,
    outcome: 'failed',
    reason: judged.reason ?? '',
    remedy,
  } as const;
}
