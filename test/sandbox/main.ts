import { parseArgs } from 'node:util';

// npm run sandbox: the tour, or with --serve a sandbox that stays
try {
  const { values } = parseArgs({ options: { serve: { type: 'boolean' } } });
  await import(values.serve ? './serve.ts' : './tour.ts');
} catch (error) {
  if (!(error instanceof TypeError && 'code' in error && error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')) {
    throw error;
  }
  console.error(`${error.message}\nusage: npm run sandbox [-- --serve]`);
  process.exitCode = 2;
}
