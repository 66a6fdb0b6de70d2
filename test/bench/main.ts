import { parseArgs } from 'node:util';
import { benchFaults } from './faults.ts';
import { benchFleet } from './fleet.ts';
import { benchOneCluster, OF_THE_SYSTEM, type OneCluster } from './one-cluster.ts';
import { type Line, table } from './table.ts';

const USAGE = `usage: npm run bench -- [--namespaces 1000] [--concurrency 16] [--pairs 9, or 5 from 5000 namespaces]
       npm run bench -- --fleet
       npm run bench -- --faults`;

// npm run bench: the handler beside a raw loop, with --fleet as the clusters grow, with --faults beside broken namespaces
const options = readOptions();
const lines = await bench(options);
console.log(table(lines));
if (lines.some(({ met }) => met === false)) process.exitCode = 1;

function bench(chosen: OneCluster | 'fleet' | 'faults'): Promise<Line[]> {
  if (chosen === 'fleet') return benchFleet();
  return chosen === 'faults' ? benchFaults() : benchOneCluster(chosen);
}

function readOptions(): OneCluster | 'fleet' | 'faults' {
  const number = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const { values } = parseArgs({
      options: { namespaces: number, concurrency: number, pairs: number, fleet: flag, faults: flag },
    });
    const { fleet, faults, ...ofOneCluster } = values;
    if (fleet !== faults && Object.keys(ofOneCluster).length === 0) return fleet ? 'fleet' : 'faults';
    const { namespaces = 1_000, concurrency = 16 } = values;
    const read = {
      namespaces: Number(namespaces),
      concurrency: Number(concurrency),
      pairs: Number(values.pairs ?? (Number(namespaces) < 5_000 ? 9 : 5)),
    };
    const isCount = (value: number) => Number.isInteger(value) && value > 0;
    const areCounts = Object.values(read).every(isCount) && read.namespaces > OF_THE_SYSTEM;
    if (!fleet && !faults && areCounts) return read;
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
  }
  console.error(USAGE);
  return process.exit(2);
}
