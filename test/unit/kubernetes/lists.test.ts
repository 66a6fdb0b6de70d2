import { expect, test } from 'vitest';
import { ApiError } from '../../../lambda/kubernetes/api-error.ts';
import { listMost } from '../../../lambda/kubernetes/client.ts';
import { DEPLOYMENT } from './deployment.ts';

interface Item {
  readonly metadata: { readonly name: string };
}

const full = (limit: number): Item[] =>
  Array.from({ length: limit }, (_, at) => ({ metadata: { name: `n${at}` } }));
const names = ({ metadata }: Item) => metadata.name;

test('objects of a list that began again are counted once', async () => {
  let expired = 0;
  let page = 0;
  const listed = await listMost(
    [
      async ({ limit }) => {
        page += 1;
        if (page === 150 && expired < 2) {
          expired += 1;
          page = 0;
          throw new ApiError(410, '{}', DEPLOYMENT);
        }
        return { metadata: page < 180 ? { _continue: 'next' } : {}, items: full(limit) };
      },
    ],
    names,
  );
  expect(listed).not.toHaveProperty('fault');
  expect(listed.items).toHaveLength(180 * 500);
});

test('objects of all lists are counted together', async () => {
  const list = async ({ limit }: { limit: number }) => ({
    metadata: { _continue: 'next' },
    items: full(limit),
  });
  const { fault } = await listMost([list, list], names);
  expect(String(fault)).toContain('more than 100000 objects');
});
