import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// the tests start many processes of the same few programs, which then compile them once
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '.cache/compiled');

/** Only what hangs takes so long; a machine that is busy with more takes some seconds for what is quick else. */
const patience = { testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    // the default leaves a core idle, of which a small machine has but two
    maxWorkers: '100%',
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false, ...patience } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          isolate: false,
          ...patience,
        },
      },
      {
        test: {
          name: 'argocd',
          include: ['test/argocd/**/*.test.ts'],
          globalSetup: ['test/e2e/control-plane/setup.ts'],
          ...patience,
          // Argo CD's code is built once
          hookTimeout: 30 * 60_000,
        },
      },
      // each test starts processes
      { test: { name: 'cli', include: ['test/cli/**/*.test.ts'], isolate: false, ...patience } },
      { test: { name: 'infra', include: ['test/infra/**/*.test.ts'], isolate: false, ...patience } },
      { test: { name: 'site', include: ['test/site/**/*.test.ts'], ...patience } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/control-plane/setup.ts'],
          ...patience,
          // each file has a control plane of its own
          maxWorkers: 2,
        },
      },
    ],
  },
});
