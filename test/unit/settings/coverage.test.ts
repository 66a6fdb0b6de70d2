import { expect, test } from 'vitest';
import { coversNamespace, entriesOf } from '../../../lambda/settings/coverage.ts';
import { entryOf, settingsOf } from '../factories.ts';

test('exclude wins over include', () => {
  const entry = entryOf({ namespaces: { include: ['team-*', 'lab'], exclude: ['team-x', '*-old'] } });
  const covered = ['team-a', 'lab', 'team-x', 'team-old', 'kube-system'].filter((name) =>
    coversNamespace(entry, name),
  );
  expect(covered).toEqual(['team-a', 'lab']);
});

test('the entries of a cluster keep their order', () => {
  const settings = settingsOf({
    clusters: [{ name: 'prod-eu' }, { name: 'dev' }],
    secrets: [
      { name: 'c', clusters: ['*'] },
      { name: 'b', clusters: ['dev'] },
      { name: 'a', clusters: ['prod-*'] },
    ],
  });
  expect(entriesOf(settings, 'prod-eu').map(({ name }) => name)).toEqual(['c', 'a']);
  expect(entriesOf(settings, 'dev').map(({ name }) => name)).toEqual(['c', 'b']);
  expect(
    entriesOf(settings, 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-us').map(({ name }) => name),
  ).toEqual(['c', 'a']);
  expect(entriesOf(settings, 'other').map(({ name }) => name)).toEqual(['c']);
});
