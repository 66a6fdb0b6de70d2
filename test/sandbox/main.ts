import { parseArgs } from 'node:util';

// npm run sandbox: the tour, with --serve a sandbox that stays, or with --fleet one of many clusters
try {
  const { values } = parseArgs({ options: { serve: { type: 'boolean' }, fleet: { type: 'boolean' } } });
  if (values.fleet) await import('./fleet-tour.ts');
  else await import(values.serve ? './serve.ts' : './tour.ts');
} catch (error) {
  if (!(error instanceof TypeError && 'code' in error && error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')) {
    throw error;
  }
  console.error(`${error.message}\nusage: npm run sandbox [-- --serve | --fleet]`);
  process.exitCode = 2;
}
