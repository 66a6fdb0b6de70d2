export { clusterRights, type Manifest } from '../lambda/cluster/rights.ts';
export { SettingsError } from '../lambda/errors.ts';
export { listedClusters } from '../lambda/settings/fleet-settings.ts';
export { type AccessPlace, accessPlaces } from '../lambda/settings/places.ts';
export type { ClusterSettings, Settings, SettingsInput } from '../lambda/settings.ts';
export { EcrRegistryHelperAccess, type EcrRegistryHelperAccessProps } from './access/access-stack.ts';
export type { EcrRegistryHelperProps } from './helper-props.ts';
export { EcrRegistryHelper } from './refresher.ts';
