import { parseArgs } from 'node:util';
import { benchFleet } from './fleet.ts';
import { benchOneCluster, OF_THE_SYSTEM, type OneCluster } from './one-cluster.ts';
import { table } from './table.ts';

const USAGE = `usage: npm run bench -- [--namespaces 1000] [--concurrency 16] [--pairs 9, or 5 from 5000 namespaces]
       npm run bench -- --fleet`;

// npm run bench: the handler beside a raw loop, or with --fleet as the clusters grow
const options = readOptions();
const lines = options === 'fleet' ? await benchFleet() : await benchOneCluster(options);
console.log(table(lines));
if (lines.some(({ met }) => met === false)) process.exitCode = 1;

function readOptions(): OneCluster | 'fleet' {
  const number = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      options: { namespaces: number, concurrency: number, pairs: number, fleet: { type: 'boolean' } },
    });
    if (values.fleet && Object.keys(values).length === 1) return 'fleet';
    const { namespaces = 1_000, concurrency = 16 } = values;
    const read = {
      namespaces: Number(namespaces),
      concurrency: Number(concurrency),
      pairs: Number(values.pairs ?? (Number(namespaces) < 5_000 ? 9 : 5)),
    };
    const isCount = (value: number) => Number.isInteger(value) && value > 0;
    const areCounts = Object.values(read).every(isCount) && read.namespaces > OF_THE_SYSTEM;
    if (!values.fleet && areCounts) return read;
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
  }
  console.error(USAGE);
  return process.exit(2);
}
