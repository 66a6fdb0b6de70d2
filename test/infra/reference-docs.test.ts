import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PAGES } from '../../generate-docs/reference.ts';

test.for(PAGES)('$file is what the code says', async ({ file, write }) => {
  const text = readFileSync(file, 'utf8');
  expect(text, `${file} is out of date. Write it: npm run docs:reference`).toBe(await write());
});
