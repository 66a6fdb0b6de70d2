import fc from 'fast-check';
import { Fleet } from '../simulation/fleet.ts';
import { judge } from '../simulation/judge.ts';
import { play } from '../simulation/play.ts';
import { schedule } from '../simulation/schedule.ts';

// A process of tree.ts: plays the schedules of a seed until one breaks an invariant and sends the violations. It does not
// shrink that schedule, as test:simulation does.
const [seed = 0, numRuns = 0] = process.argv.slice(2).map(Number);
const fleet = await Fleet.start();
let violations: string[] = [];
for (const one of fc.sample(schedule, { seed, numRuns })) {
  violations = judge(await play(one, fleet));
  if (violations.length > 0) break;
}
await fleet.close();
process.send?.(violations);
process.disconnect?.();
