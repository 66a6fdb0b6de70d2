import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PAGES } from '../../generate-docs/reference.ts';

test.for(PAGES)('$file is what the code says', async ({ file, write }) => {
  const text = readFileSync(file, 'utf8');
  expect(text, `${file} is out of date. Write it: npm run docs:reference`).toBe(await write());
});

test('every page of docs/reference is generated', () => {
  const pages = PAGES.map(({ file }) => file).filter((file) => file.startsWith('docs/reference/'));
  expect(globSync('docs/reference/*').toSorted()).toEqual(pages.toSorted());
});
