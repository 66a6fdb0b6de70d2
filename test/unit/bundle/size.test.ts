import { expect, it } from 'vitest';
import { bundleLambda } from '../../../build.ts';

it('stays small and without the descriptions of the settings, as every cold start loads it', async () => {
  const { contents, metafile } = await bundleLambda();
  expect(contents.length).toBeLessThan(2.6e6);
  const inputs = Object.keys(metafile.inputs);
  expect(inputs).toContain('lambda/settings/schema.ts');
  expect(inputs.filter((file) => file.startsWith('generate-docs/'))).toEqual([]);
});
