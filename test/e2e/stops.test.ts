import { availableParallelism } from 'node:os';
import pMap from 'p-map';
import { expect, test } from 'vitest';
import { startAccount } from './stops/account.ts';
import { type Point, type Run, run, type Stop } from './stops/run.ts';
import { snapshot, tokensOf, violations } from './stops/violations.ts';

const POINTS: readonly Point[] = ['before', 'after'];
const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };
const concurrency = availableParallelism();

// On emulators, as each stop needs a new cluster, and one that acts on a request and never answers it.
test('the next run makes all fresh after a stop at any request', { timeout: 600_000 }, async () => {
  const whole = await stopAndRunAgain();
  expect(whole.wrong).toEqual([]);
  const kinds = new Set(whole.run.kinds);
  const everyKind = POINTS.flatMap((point) => [...kinds].map((kind) => ({ point, kind })));

  const stops: string[] = [];
  const wrong: string[] = [];
  const stopAt = async (which: string, stop: Stop): Promise<boolean> => {
    const { run, wrong: found } = await stopAndRunAgain(stop);
    const { stoppedAt } = run;
    if (stoppedAt !== undefined) stops.push(nameOf(stop.point, stoppedAt));
    const when = stoppedAt === undefined ? 'not stopped' : `stopped ${stop.point} ${which}, ${stoppedAt}`;
    wrong.push(...found.map((one) => `${when}: ${one}`));
    return stoppedAt !== undefined;
  };

  let isReached = true;
  const byNumber = function* () {
    for (let nth = 1; isReached; nth += 1) for (const point of POINTS) yield { nth, point };
  };
  const stopAtNumber = async ({ nth, point }: { nth: number; point: Point }) => {
    const stopped = await stopAt(`request ${nth}`, { point, isAt: (_kind, at) => at === nth });
    if (!stopped) isReached = false;
  };
  await pMap(byNumber(), stopAtNumber, { concurrency });
  // the order differs by run, so that a request of which there are few may never have had the number of the stop
  const left = everyKind.filter(({ point, kind }) => !stops.includes(nameOf(point, kind)));
  const stopAtKind = ({ point, kind }: (typeof left)[number]) =>
    stopAt('the first of its kind', { point, isAt: (one) => one === kind });
  await pMap(left, stopAtKind, { concurrency });

  console.log(
    `${stops.length} stops in runs of ${whole.run.kinds.length} requests, ${wrong.length} violations`,
  );
  expect(wrong).toEqual([]);
  expect(new Set(stops)).toEqual(new Set(everyKind.map(({ point, kind }) => nameOf(point, kind))));
});

function nameOf(point: Point, kind: string): string {
  return `${point} ${kind}`;
}

/** Invokes the bundle in an account of its own, and once more if it was killed; says what is wrong after that. */
async function stopAndRunAgain(stop?: Stop): Promise<{ run: Run; wrong: string[] }> {
  const { account, expected } = await startAccount();
  try {
    const before = snapshot(account);
    const event = { ...SCHEDULED, time: new Date().toISOString() };
    const first = await run(account, event, stop);
    // Lambda's own retry has the same event and may keep what the killed run wrote; a manual run writes it again
    const isRetry = stop?.point === 'before';
    const stale = first.invocation || isRetry ? new Set<string>() : tokensOf(snapshot(account), expected);
    const { invocation } = first.invocation ? first : await run(account, isRetry ? event : {});
    const wrong = await violations(account, expected, before, stale);
    const { report, error } = invocation ?? {};
    if (!report?.ok || report.clusters[0]?.blocked !== 0) {
      wrong.push(`the last run ended with ${JSON.stringify(error ?? report)}`);
    }
    return { run: first, wrong };
  } finally {
    await account.close();
  }
}
