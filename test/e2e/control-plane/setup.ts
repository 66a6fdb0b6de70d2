import { controlPlaneBinaries } from './build.ts';

/** Vitest's global set-up: builds the programs once, so that no test file waits for minutes in a hook. */
export async function setup(): Promise<void> {
  await controlPlaneBinaries();
}
