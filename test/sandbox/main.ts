import { parseArgs } from 'node:util';
import { BROKEN, serve } from './serve.ts';

const USAGE = `usage: npm run sandbox [-- --serve [--broken ${BROKEN.join('|')}] | --fleet]`;

// npm run sandbox: the tour, with --serve a sandbox that stays, or with --fleet one of many clusters
try {
  const { values } = parseArgs({
    options: { serve: { type: 'boolean' }, broken: { type: 'string' }, fleet: { type: 'boolean' } },
  });
  const { broken } = values;
  if (broken !== undefined && !(values.serve && BROKEN.includes(broken))) {
    console.error(`--broken ${broken}: expected --serve, and one of ${BROKEN.join(', ')}\n${USAGE}`);
    process.exitCode = 2;
  } else if (values.serve) await serve(broken);
  else await import(values.fleet ? './fleet-tour.ts' : './tour.ts');
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (!code.startsWith('ERR_PARSE_ARGS_')) throw error;
  console.error(`${message}\n${USAGE}`);
  process.exitCode = 2;
}
