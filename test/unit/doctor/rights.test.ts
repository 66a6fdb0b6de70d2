import { expect, test } from 'vitest';
import { permissionsIn } from '../../../lambda/doctor/permission-checks.ts';
import { clusterRights } from '../../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../../lambda/settings/locations.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';

function rightsOf(secrets: SettingsInput['secrets']): string[] {
  const settings = checkSettings({ clusters: [{ name: 'prod' }], secrets });
  const manifests = listedClusters(settings).flatMap((cluster) => clusterRights(settings, cluster));
  return permissionsIn(manifests).map(({ verb, resource, name = '*' }) => `${verb} ${resource} ${name}`);
}

test('every verb is asked for on every name that its rule names', () => {
  const rights = rightsOf([{ name: 'a' }, { name: 'b', recreate: true }]);
  expect(rights).toContain('list namespaces *');
  for (const name of ['a', 'b']) {
    for (const verb of ['create', 'patch']) expect(rights).toContain(`${verb} secrets ${name}`);
  }
  expect(rights).toContain('delete secrets b');
  expect(rights).not.toContain('delete secrets a');
});

test('what several rules give is asked for once', () => {
  const rule = { apiGroups: ['', 'apps'], resources: ['secrets'], resourceNames: ['a'], verbs: ['get'] };
  const metadata = { name: 'x', labels: {} };
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata,
    rules: [rule, rule],
  };
  expect(permissionsIn([role, { ...role, kind: 'ClusterRoleBinding' }])).toEqual([
    { verb: 'get', group: '', resource: 'secrets', name: 'a' },
    { verb: 'get', group: 'apps', resource: 'secrets', name: 'a' },
  ]);
});
