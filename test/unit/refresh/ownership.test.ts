import { expect, test } from 'vitest';
import { listHeldSecrets, ownershipOf, permissionFor } from '../../../lambda/refresh/ownership.ts';
import { entryOf } from '../factories.ts';

const DEPLOYMENT = 'ecr-registry-helper';

const managed = (names: readonly string[]) => ({
  managedFields: names.map((manager) => ({
    manager,
    operation: 'Update',
    fieldsV1: { 'f:data': { 'f:.dockerconfigjson': {} } },
  })),
});
const many = Array.from({ length: 25 }, (_, at) => `manager-${at}`);
const allowed = (names: readonly string[], adoptFrom: string[]) =>
  permissionFor(ownershipOf(managed(names), DEPLOYMENT), { ...entryOf(), adoptFrom });

test.for<[string, string[], string[], unknown]>([
  ['20 managers that are all named', many.slice(0, 20), many, 'adopt'],
  ['25, of which only 20 are kept', many, many, { managers: [undefined] }],
  ['25 with "*"', many, ['*'], 'adopt'],
  [
    'one with a name that Kubernetes refuses',
    ['x'.repeat(129)],
    ['x'.repeat(129)],
    { managers: [undefined] },
  ],
  ['one with the longest name', ['x'.repeat(128)], ['x'.repeat(128)], 'adopt'],
])('a secret with %s', ([, names, adoptFrom, expected]) => {
  expect(allowed(names, adoptFrom)).toEqual(expected);
});

test('a pull role that is too long for IAM is not kept', async () => {
  const pullRole = async (role: string) => {
    const annotations = { 'ecr-registry-helper/pull-role': role };
    const item = { metadata: { name: 'a', namespace: 'a', annotations, ...managed(['kubectl']) } };
    const core = { listSecretForAllNamespaces: async () => ({ items: [item] }) };
    const [held] = (await listHeldSecrets(core as never, ['a'], { deployment: DEPLOYMENT })).values();
    return held?.pullRole;
  };
  expect(await pullRole('x'.repeat(64))).toBe('x'.repeat(64));
  expect(await pullRole('x'.repeat(65))).toBe('no role');
});
