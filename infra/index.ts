export { SettingsError } from '../lambda/errors.ts';
export { clusterRights, type Manifest } from '../lambda/kubernetes/rbac.ts';
export { type AccessPlace, accessPlaces, listedClusters } from '../lambda/settings/locations.ts';
export type { ClusterSettings, Settings, SettingsInput } from '../lambda/settings/schema.ts';
export { EcrRegistryHelperAccess, type EcrRegistryHelperAccessProps } from './access-stack.ts';
export { EcrRegistryHelper, type EcrRegistryHelperProps } from './helper.ts';
