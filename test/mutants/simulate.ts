import fc from 'fast-check';
import { Fleet } from '../simulation/fleet.ts';
import { judge } from '../simulation/judge.ts';
import { play } from '../simulation/play.ts';
import { schedule } from '../simulation/schedule.ts';

// A process of checks.ts: plays the schedules of a seed until one breaks an invariant, which is not shrunk as in
// test:simulation, for nobody reads it, and answers with what is wrong.
const [seed = 0, numRuns = 0] = process.argv.slice(2).map(Number);
const fleet = await Fleet.start();
let wrong: string[] = [];
for (const one of fc.sample(schedule, { seed, numRuns })) {
  wrong = judge(await play(one, fleet));
  if (wrong.length > 0) break;
}
await fleet.close();
process.send?.(wrong);
process.disconnect?.();
