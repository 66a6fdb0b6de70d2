import { expect, it } from 'vitest';
import { bundleLambda } from '../../../build.ts';

it('stays small, as every cold start loads it', async () => {
  const { contents } = await bundleLambda();
  expect(contents.length).toBeLessThan(2.5e6);
});
