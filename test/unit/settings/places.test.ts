import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NotCoveredError } from '../../../lambda/errors.ts';
import { findCoveredCluster, withResolvedLocations } from '../../../lambda/request.ts';
import {
  accessPlaces,
  accessRoleName,
  homeRoleName,
  listedClusters,
  ownReach,
} from '../../../lambda/settings/locations.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';

const HOME = { accountId: '111122223333', region: 'eu-west-1' };
const FAR = '444455556666';
const OWN_ROLE = `arn:aws:iam::${FAR}:role/mine`;
const SETTINGS: SettingsInput = {
  ...HOME,
  name: 'pulls',
  clusters: [
    { name: 'prod' },
    { name: 'here', ...HOME },
    { name: 'west', region: 'us-west-2' },
    { name: 'far', accountId: FAR },
    { name: 'mine', accountId: FAR, region: 'us-west-2', roleArn: OWN_ROLE },
    { name: 'edge', kubeconfigSecretId: 'edge' },
    { discover: { names: ['team-*'] } },
    { discover: { accounts: [FAR, '777788889999'], regions: ['eu-west-1', 'us-west-2'], names: ['lab-*'] } },
    { discover: { accounts: ['555566667777'], names: ['x'], roleName: 'theirs' } },
  ],
  accessStacks: [{ accountId: FAR, region: 'eu-west-1', externalId: 'shared-word' }],
};
const settings = checkSettings(SETTINGS);

test('access stacks are for each other account and region of a cluster without a role of its own, once', () => {
  const places = accessPlaces(settings).map(({ accountId, region, clusters, discoveries }) => [
    `${accountId} ${region}`,
    clusters.map(({ name }) => name).join(),
    discoveries.map(({ accounts, regions }) => `${accounts}/${regions}`).join(),
  ]);
  expect(places).toEqual([
    ['111122223333 us-west-2', 'west', ''],
    [`${FAR} eu-west-1`, 'far', `${FAR}/eu-west-1`],
    [`${FAR} us-west-2`, '', `${FAR}/us-west-2`],
    ['777788889999 eu-west-1', '', '777788889999/eu-west-1'],
    ['777788889999 us-west-2', '', '777788889999/us-west-2'],
  ]);
});

test('the own role reaches what is at home', () => {
  const { clusters, discoveries } = ownReach(settings);
  expect(clusters.map(({ name }) => name)).toEqual(['prod', 'here']);
  expect(discoveries).toEqual([{ names: ['team-*'], accounts: [HOME.accountId], regions: [HOME.region] }]);
});

test('without a place of the function there are none, and the own role reaches all that names no other', () => {
  const clusters = [{ name: 'prod' }, { name: 'west', region: 'us-west-2' }];
  const unplaced = checkSettings({ clusters });
  expect(accessPlaces(unplaced)).toEqual([]);
  expect(ownReach(unplaced).clusters).toEqual(clusters);
  expect(listedClusters(withResolvedLocations(unplaced, 'eu-west-1'))).toEqual(clusters);
});

test('each listed cluster gets its place and the role that is used there', () => {
  const ways = listedClusters(withResolvedLocations(settings, 'eu-west-1')).map(
    ({ name, accountId, region, roleArn, externalId }) => [name, accountId, region, roleArn, externalId],
  );
  const access = (account: string, region: string) => `arn:aws:iam::${account}:role/pulls-access-${region}`;
  expect(ways).toEqual([
    ['prod', HOME.accountId, HOME.region, undefined, undefined],
    ['here', HOME.accountId, HOME.region, undefined, undefined],
    ['west', HOME.accountId, 'us-west-2', access(HOME.accountId, 'us-west-2'), undefined],
    ['far', FAR, 'eu-west-1', access(FAR, 'eu-west-1'), 'shared-word'],
    ['mine', FAR, 'us-west-2', OWN_ROLE, undefined],
    ['edge', undefined, undefined, undefined, undefined],
  ]);
});

const arn = (account: string, region: string, name: string) =>
  `arn:aws:eks:${region}:${account}:cluster/${name}`;

test.for<[string, string, string | undefined]>([
  ['at home', arn(HOME.accountId, HOME.region, 'team-a'), undefined],
  [
    'in an access stack',
    arn('777788889999', 'us-west-2', 'lab-a'),
    'arn:aws:iam::777788889999:role/pulls-access-us-west-2',
  ],
  ['by a role of its own', arn('555566667777', 'eu-west-1', 'x'), 'arn:aws:iam::555566667777:role/theirs'],
])('a cluster that is found %s', ([, id, roleArn]) => {
  expect(findCoveredCluster(withResolvedLocations(settings, 'eu-west-1'), id).roleArn).toBe(roleArn);
});

test('what a discover without accounts covers is of the own account alone', () => {
  const id = arn(FAR, 'eu-west-1', 'team-a');
  expect(() => findCoveredCluster(withResolvedLocations(settings, 'eu-west-1'), id)).toThrow(NotCoveredError);
});

test('the names of roles fit into the 64 characters of IAM, and none is that of another kind', () => {
  const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/);
  const region = fc.constantFrom('eu-west-1', 'us-isof-south-1', 'ap-southeast-3', 'us-gov-west-1');
  fc.assert(
    fc.property(name, region, (deployment, at) => {
      expect(accessRoleName(deployment, at).length).toBeLessThanOrEqual(64);
      expect(homeRoleName(deployment, at).length).toBeLessThanOrEqual(64);
      expect(accessRoleName(deployment, at)).not.toBe(homeRoleName(deployment, at));
    }),
  );
});
