import { X509Certificate } from 'node:crypto';
import { parseJson, SettingsError } from '../errors.ts';
import { describeHost, describeRegistry, type Home, knownHosts } from './hosts.ts';
import {
  accessPlaces,
  type Discovery,
  discoveriesOf,
  homeOf,
  isFleet,
  isSamePlace,
  listedClusters,
  type Place,
} from './locations.ts';
import {
  type AccessStackSettings,
  audienceOf,
  type ClusterSettings,
  clusterId,
  type EcrRegistry,
  explain,
  isEks,
  NO_PREFIX,
  type SecretEntry,
  type Settings,
  settingsFields,
  storedSecretId,
} from './schema.ts';
import { containsGlob, matchesAny, overlap, takesNamespaces } from './selection.ts';

/** Says which texts are known only at deployment, as CDK tokens are. */
type IsUnknown = (text: string) => boolean;

/**
 * The schema of the settings.
 * @param isUnknown says which texts pass unchecked; default: none
 * @param home the place of the function, where the settings do not name it
 */
export function settingsSchema(isUnknown: IsUnknown = () => false, home: Home = {}) {
  return settingsFields(isUnknown).superRefine((settings, check) => {
    if (settings.clusters.length === 0) return;
    checkRules(settings, home, isUnknown, (path, message) =>
      check.addIssue({ code: 'custom', path, message }),
    );
  });
}

/** Made once, as a warm function reads its settings in every run. */
const withoutTokens = settingsSchema();

/**
 * Checks parsed settings and fills in the defaults.
 * @param file of the settings, which an error names
 * @throws SettingsError with each wrong field, its value and what is allowed
 */
export function checkSettings(input: unknown, isUnknown?: IsUnknown, home?: Home, file?: string): Settings {
  const schema = isUnknown ? settingsSchema(isUnknown, home) : withoutTokens;
  const checked = schema.safeParse(input, { reportInput: true });
  if (checked.success) return checked.data;
  const fix = file ? `Correct ${file}.` : 'Correct the settings.';
  throw new SettingsError(explain(checked.error, '\nsettings: '), fix);
}

/**
 * Reads the settings from the environment variable SETTINGS.
 * @throws SettingsError when it is missing, not JSON, or against the schema
 */
export function readSettings({ SETTINGS }: { SETTINGS?: string | undefined }): Settings {
  const fix = 'Correct the settings and deploy again.';
  if (!SETTINGS) throw new SettingsError('the environment variable SETTINGS is missing', fix);
  const input = parseJson(SETTINGS);
  if (input === undefined) throw new SettingsError('the environment variable SETTINGS is not JSON', fix);
  const checked = withoutTokens.safeParse(input, { reportInput: true });
  if (!checked.success) throw new SettingsError(explain(checked.error), fix);
  return checked.data;
}

/** Reports a problem of the field at a path. */
type Report = (path: PropertyKey[], problem: string) => void;

/** Reports problems of the fields within one. */
function within(report: Report, ...parent: PropertyKey[]): Report {
  return (path, problem) => report([...parent, ...path], problem);
}

const quote = (value: unknown) => JSON.stringify(value);

/** The rules between fields: unique ids, no glob without a match, no cluster without an entry. */
function checkRules(settings: Settings, home: Home, isUnknown: IsUnknown, report: Report): void {
  const { clusters, secrets, accountId, region } = settings;
  if (settings.alarmTopic && settings.alarmEmail) {
    report(['alarmEmail'], 'alarmTopic is your own topic; subscribe the address to it yourself');
  }
  if (settings.storedChanges && !secrets.some(({ registries }) => registries.some(storedSecretId))) {
    report(['storedChanges'], 'needs a registry with secretId or keysSecretId');
  }
  if (accountId && !region) report(['region'], 'is required with accountId');
  if (region && !accountId) report(['accountId'], 'is required with region');
  for (const [at, cluster] of clusters.entries()) {
    const reportCluster = within(report, 'clusters', at);
    if ('discover' in cluster) {
      const earlier = discoveriesOf({ clusters: clusters.slice(0, at) });
      checkDiscovery(cluster.discover, earlier, homeOf(settings), within(reportCluster, 'discover'));
    } else {
      const earlier = listedClusters({ clusters: clusters.slice(0, at) });
      checkCluster(cluster, earlier, settings, reportCluster);
    }
  }
  for (const [at, stack] of settings.accessStacks.entries()) {
    const problem = accessStackProblem(settings, stack);
    if (problem) report(['accessStacks', at], problem);
  }
  checkShadows(settings, isUnknown, report);
  checkInjection(settings, isUnknown, report);
  const place = { accountId: accountId ?? home.accountId, region: region ?? home.region };
  for (const [at, entry] of secrets.entries()) {
    const reportEntry = within(report, 'secrets', at);
    checkTargets(entry, settings, reportEntry);
    checkRegistries(entry, place, reportEntry);
    checkPermissions(entry, reportEntry);
  }
}

/** What only EKS has. */
const EKS_FIELDS = ['region', 'accountId', 'roleArn', 'rbac'] as const;

function checkCluster(
  cluster: ClusterSettings,
  earlier: readonly ClusterSettings[],
  settings: Settings,
  report: Report,
): void {
  const { accountId } = cluster;
  const id = clusterId(cluster);
  if (earlier.some((other) => clusterId(other) === id)) {
    report(['id'], `${quote(id)} is used twice; give each cluster an id of its own`);
  }
  if (!settings.secrets.some((entry) => matchesAny(entry.clusters, id))) {
    report([], `no entry of secrets covers the cluster ${quote(id)}`);
  }
  const roleAccount = cluster.roleArn?.split(':')[4];
  if (accountId && roleAccount && roleAccount !== accountId) {
    report(['roleArn'], `is a role of ${roleAccount}, but accountId is ${accountId}`);
  }
  for (const field of isEks(cluster) ? [] : EKS_FIELDS) {
    if (cluster[field] === undefined || cluster[field] === 'manual') continue;
    report(
      [field],
      `${quote(cluster[field])} is for EKS clusters, not for one with kubeconfigSecretId or server`,
    );
  }
  checkEndpoint(cluster, report);
  const audience = audienceOf(settings, cluster);
  const hasSame = earlier.some((other) => other.webIdentity && audienceOf(settings, other) === audience);
  if (cluster.webIdentity && hasSame) {
    report(
      ['webIdentity', 'audience'],
      `${quote(audience)} is used twice; each cluster could replay the tokens`,
    );
  }
}

/** How a cluster that is not of EKS is reached. */
function checkEndpoint(
  { kubeconfigSecretId, kmsKeyArn, server, caData, publicCertificate, webIdentity }: ClusterSettings,
  report: Report,
): void {
  if (server && kubeconfigSecretId)
    report(['server'], 'cannot be used with kubeconfigSecretId, which has one');
  if (server && !webIdentity) report(['webIdentity'], 'is required with server: {} has its defaults');
  if (server && !caData && !publicCertificate) {
    report(['caData'], 'is required with server, unless "publicCertificate": true');
  }
  if (caData && !server) report(['caData'], 'needs server');
  if (caData && !isCertificate(caData)) report(['caData'], 'is not a certificate in PEM, in base64');
  if (webIdentity && !server && !kubeconfigSecretId) {
    report(['webIdentity'], 'needs server or kubeconfigSecretId; an EKS cluster needs neither');
  }
  if (publicCertificate && !server && !kubeconfigSecretId) {
    report(['publicCertificate'], 'needs kubeconfigSecretId or server');
  }
  if (kmsKeyArn && !kubeconfigSecretId) report(['kmsKeyArn'], 'needs kubeconfigSecretId');
}

function isCertificate(base64: string): boolean {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64')).subject !== '';
  } catch {
    return false;
  }
}

/** @param home the place of the function; where it is known, access stacks have the roles for other places */
function checkDiscovery(
  { accounts = [], names, tag, roleName }: Discovery,
  earlier: readonly Discovery[],
  home: Place | undefined,
  report: Report,
): void {
  if (!names && !tag) report(['names'], 'needs names, tag or both; ["*"] is every cluster of the accounts');
  if (roleName && accounts.length === 0)
    report(['roleName'], 'needs accounts, in each of which it is assumed');
  if (!roleName && !home && accounts.length > 1) {
    report(
      ['roleName'],
      `is required for ${accounts.length} accounts, or the function's accountId and region`,
    );
  }
  const hasOtherRole = earlier.some(
    (other) => other.roleName !== roleName && other.accounts?.some((account) => accounts.includes(account)),
  );
  if (hasOtherRole) report(['roleName'], 'differs from that of an earlier discover of the same account');
}

function accessStackProblem(settings: Settings, stack: AccessStackSettings): string | undefined {
  const home = homeOf(settings);
  const where = `${stack.accountId}, ${stack.region}`;
  const isHere = (place: Place) => isSamePlace(place, stack);
  if (!home) return 'needs accountId and region of the function';
  if (isHere(home)) return `${where} is the place of the function, which needs no access stack`;
  if (!accessPlaces(settings).some(isHere)) {
    return `no cluster and no discover without a role of its own is in ${where}`;
  }
  if (settings.accessStacks.find(isHere) !== stack) return `${where} is used twice`;
  if (stack.vpc && !isFleet(settings))
    return 'vpc: needs "fleet": true, as one run reaches the clusters of one VPC';
  return undefined;
}

/** The globs and names of an entry. */
function checkTargets(
  { clusters, namespaces, ...entry }: SecretEntry,
  settings: Settings,
  report: Report,
): void {
  const ids = listedClusters(settings).map(clusterId);
  // the names of discovered clusters are not known yet
  const areAllListed = ids.length === settings.clusters.length;
  for (const [nth, glob] of clusters.entries()) {
    if (areAllListed && !ids.some((id) => matchesAny([glob], id))) {
      report(['clusters', nth], `${quote(glob)} matches none of ${ids.join(', ')}`);
    }
  }
  for (const [nth, name] of namespaces.include.entries()) {
    if (!name.includes('*') && matchesAny(namespaces.exclude, name)) {
      report(['namespaces', 'include', nth], `${quote(name)} is excluded as well`);
    }
  }
  checkUnique(entry.serviceAccounts, within(report, 'serviceAccounts'));
}

function checkUnique(names: readonly string[], report: Report): void {
  for (const [nth, name] of names.entries()) {
    if (names.indexOf(name) < nth) report([nth], `${quote(name)} is used twice`);
  }
}

/** What decides which identity gets the tokens of an entry, and what they may pull. */
function checkPermissions({ registries, repositories }: SecretEntry, report: Report): void {
  if (repositories && !registries.some(({ type }) => type === 'ecr')) {
    report(['repositories'], 'needs a registry of type ecr');
  }
  for (const [nth, registry] of registries.entries()) {
    if (registry.type !== 'ecr') continue;
    const reportRegistry = within(report, 'registries', nth);
    if (registry.kmsKeyArn && !registry.keysSecretId) reportRegistry(['kmsKeyArn'], 'needs keysSecretId');
    const problem = cacheProblem(registry);
    if (problem) reportRegistry(['pullThroughCache'], problem);
    if (repositories) checkPullRole(registry, reportRegistry);
  }
}

/** The function's role gets the permissions of a pull-through cache, which are useless without those to pull. */
function cacheProblem({ pullThroughCache, repositories, roleArn, keysSecretId }: EcrRegistry) {
  if (!pullThroughCache) return undefined;
  if (roleArn ?? keysSecretId) {
    return 'is for tokens of the function; with roleArn or keysSecretId grant the permissions to that identity';
  }
  const missing = pullThroughCache.find(
    (prefix) => prefix !== NO_PREFIX && !matchesAny(repositories, `${prefix}/x`),
  );
  return missing && `${quote(missing)}: repositories must cover ${quote(`${missing}/*`)} as well`;
}

/** An entry with `repositories` has a role of its own for its tokens, which CDK creates. */
function checkPullRole(registry: EcrRegistry, report: Report): void {
  for (const field of ['roleArn', 'keysSecretId', 'pullThroughCache'] as const) {
    if (registry[field])
      report(
        [field],
        `${quote(registry[field])} cannot be used in an entry with repositories, which has a role of its own`,
      );
  }
  if (registry.repositories.join() !== '*') {
    report(['repositories'], `${quote(registry.repositories)}: give the repositories of the entry only`);
  }
}

/** Refuses two registries of an entry that serve the same host, as far as `home` is known. */
function checkRegistries({ registries }: SecretEntry, home: Home, report: Report): void {
  const taken = new Map<string, number>();
  for (const [nth, registry] of registries.entries()) {
    const own = describeRegistry(registry, home);
    const hosts = (registry.type === 'ecr' && registry.hosts) || [];
    const served = [own, ...hosts.map(describeHost)];
    for (const [at, one] of served.entries()) {
      const earlier = taken.get(one) ?? nth;
      taken.set(one, earlier);
      if (earlier === nth) continue;
      report(
        ['registries', nth, ...(at > 0 ? ['hosts', at - 1] : [])],
        `registries[${earlier}] serves ${one} already; remove one of the two, or move one to an entry with another name`,
      );
    }
    checkUnique(hosts, within(report, 'registries', nth, 'hosts'));
  }
}

/** An admission policy cannot look for hosts and namespaces that are known only later. */
function checkInjection(settings: Settings, isUnknown: IsUnknown, report: Report): void {
  for (const [at, { name, registries, injectPods }] of settings.secrets.entries()) {
    if (!injectPods) continue;
    const reportEntry = within(report, 'secrets', at);
    for (const [nth, registry] of registries.entries()) {
      const region = (registry.type === 'ecr' && registry.region) || '';
      if (knownHosts(registry, settings) && !isUnknown(region)) continue;
      reportEntry(
        ['registries', nth],
        registry.type === 'stored'
          ? 'its hosts are known only in a run, and injectPods needs them; move it to an entry with another name, without injectPods'
          : 'injectPods needs its accountId and region at synth; set both here, or accountId and region of the settings',
      );
    }
    // earlier entries of the name decide too
    const texts = settings.secrets
      .filter((one) => one.name === name)
      .flatMap(({ namespaces: { include, exclude, selector = '' } }) => [...include, ...exclude, selector]);
    if (texts.some(isUnknown)) {
      reportEntry(['namespaces'], 'injectPods needs the namespaces of all entries of its name at synth');
    }
  }
}

/**
 * Refuses an entry that never gets a namespace, because earlier ones of the same name cover all of its clusters and
 * namespaces: these would get the tokens of the others, which may be wider. It never refuses an entry that could get
 * a namespace, and misses one whose namespaces several others cover only together.
 */
function checkShadows(settings: Settings, isUnknown: IsUnknown, report: Report): void {
  const entries = [...settings.secrets.entries()].filter(
    ([, { namespaces, clusters }]) =>
      ![...namespaces.include, ...namespaces.exclude, ...clusters].some(isUnknown),
  );
  for (const [at, { name, namespaces, clusters }] of entries) {
    const takers = entries.filter(
      ([nth, earlier]) =>
        nth < at && earlier.name === name && takesNamespaces(earlier.namespaces, namespaces),
    );
    const taken = takers.flatMap(([, earlier]) => earlier.clusters);
    if (!takesClusters(settings, isUnknown, taken, clusters)) continue;
    const before = takers.map(([nth]) => `secrets[${nth}]`).join(', ');
    report(
      ['secrets', at],
      `gets no namespace: all go to ${before} of the same name (${name}), as the first entry that matches decides; remove it, put it before these, or exclude its namespaces there`,
    );
  }
}

/** Whether the clusters of earlier entries include those of a later one, listed by id or discovered by name. */
function takesClusters(
  settings: Settings,
  isUnknown: IsUnknown,
  earlier: readonly string[],
  later: readonly string[],
): boolean {
  const ids = listedClusters(settings)
    .map(clusterId)
    .filter((id) => isUnknown(id) || matchesAny(later, id));
  const found = discoveriesOf(settings)
    .flatMap(({ names = ['*'] }) => names)
    .map((name) => (isUnknown(name) ? '*' : name))
    .flatMap((name) => later.filter((glob) => overlap(name, glob)).map((glob) => [name, glob]));
  return (
    ids.length + found.length > 0 &&
    ids.every((id) => (isUnknown(id) ? earlier.includes('*') : matchesAny(earlier, id))) &&
    found.every((both) => both.some((one) => earlier.some((glob) => containsGlob(glob, one))))
  );
}
