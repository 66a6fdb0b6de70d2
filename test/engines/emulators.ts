import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { clusterRights, rightsVersion } from '../../lambda/kubernetes/rbac.ts';
import { findCoveredCluster, withResolvedLocations } from '../../lambda/request.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import { clusterId, type SettingsInput } from '../../lambda/settings/schema.ts';
import { entriesOf } from '../../lambda/settings/selection.ts';
import { type AwsEmulator, startAws } from '../sandbox/aws/server.ts';
import { pullSecretPolicy } from '../sandbox/kubernetes/pull-secret-policy.ts';
import { type KubernetesEmulator, startKubernetes } from '../sandbox/kubernetes/server.ts';

/** LocalStack's, for keys that name no account. */
export const ACCOUNT = '000000000000';
export const REGION = 'eu-west-1';
/** The cluster that the settings list. */
export const LISTED = 'demo';
export const FLEET_TAG = { key: 'ecr-registry-helper', value: 'on' };
/** The clusters of the fleet, which a discover finds by their tag. */
export const FLEET = Array.from({ length: 12 }, (_, at) => `fleet-${at + 1}`);
const DEPLOYMENT = 'ecr-registry-helper';
/** The services that LocalStack's core has not, or not as the function and the clusters need them. */
const EMULATED =
  /^AWS_(ENDPOINT_URL_(ECR|ECR_PUBLIC|EKS|STS|SECRETS_MANAGER)|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)$/;

export const clusterArn = (name: string) => `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/${name}`;

/** The project's own emulators: ECR, EKS, STS, Secrets Manager and the clusters. */
export class Emulators {
  readonly aws: AwsEmulator;
  readonly clusters = new Map<string, KubernetesEmulator>();
  /** The manifests that CDK's kubectl function was given, by cluster. */
  readonly applied: { readonly request: string; readonly cluster: string }[] = [];
  /** Where the event of CDK's kubectl function goes. */
  kubectlUrl = '';
  #settings = checkSettings({ clusters: [{ name: LISTED }] });
  readonly #kubectl = createServer((request, response) => {
    void json(request).then((event) => {
      const { RequestType: type, ResourceProperties: given } = event as KubectlEvent;
      this.#applyManifest(type, given);
      response.writeHead(200).end('{}');
    });
  });

  constructor(aws: AwsEmulator) {
    this.aws = aws;
  }

  static async start(): Promise<Emulators> {
    const emulators = new Emulators(await startAws({ accountId: ACCOUNT, region: REGION }));
    for (const name of [LISTED, ...FLEET]) await emulators.#addCluster(name);
    emulators.#kubectl.listen(0, '127.0.0.1');
    await once(emulators.#kubectl, 'listening');
    emulators.kubectlUrl = `http://127.0.0.1:${(emulators.#kubectl.address() as AddressInfo).port}`;
    return emulators;
  }

  /** What the function's environment has beside LocalStack's: where the emulators are, and an identity that they know. */
  get functionEnv(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.aws.env).filter(([name]) => EMULATED.test(name)));
  }

  cluster(name: string): KubernetesEmulator {
    const cluster = this.clusters.get(name);
    if (!cluster) throw new Error(`no emulated cluster ${name}`);
    return cluster;
  }

  /** The settings that are deployed next; their RBAC in clusters that are found is ours to apply (`rbac: "manual"`). */
  expect(input: SettingsInput): void {
    this.#settings = withResolvedLocations(checkSettings(input), REGION);
    if (!input.clusters.some((one) => 'discover' in one)) return;
    for (const name of FLEET) this.applyRbac(name, clusterArn(name));
  }

  /** Applies the RBAC of the expected settings in a cluster, as a person does where it is `manual`. */
  applyRbac(name: string, id = name): void {
    const cluster = findCoveredCluster(this.#settings, id);
    this.#grant(name, cluster, clusterRights(this.#settings, cluster));
  }

  /** The names of the pull secrets of a cluster, by namespace. */
  secretsOf(name: string): string[] {
    return this.cluster(name)
      .secrets()
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
      .sort();
  }

  /** Has the authenticator of a cluster reject the function, until the returned function is called. */
  reject(name: string): () => void {
    const { accessEntries } = this.cluster(name);
    const entries = accessEntries.splice(0);
    return () => void accessEntries.push(...entries);
  }

  async close(): Promise<void> {
    this.#kubectl.closeAllConnections();
    this.#kubectl.close();
    await Promise.all([this.aws.close(), ...[...this.clusters.values()].map((one) => one.close())]);
  }

  async #addCluster(name: string): Promise<void> {
    const { principals } = this.aws;
    // LocalStack does not make the access entry, so it is there; without RBAC it permits nothing
    const principalArn = `arn:aws:iam::${ACCOUNT}:role/ecr-registry-helper`;
    const accessEntries = [{ principalArn, username: DEPLOYMENT, groups: [DEPLOYMENT] }];
    const kubernetes = await startKubernetes({
      clusterName: name,
      region: REGION,
      principals,
      accessEntries,
    });
    for (const namespace of ['team-a', 'team-b']) kubernetes.addNamespace(namespace);
    const { endpoint, caPem } = kubernetes;
    const tags = name === LISTED ? {} : { [FLEET_TAG.key]: FLEET_TAG.value };
    this.aws.addCluster({ name, endpoint, caPem, accessEntries: kubernetes.accessEntries, tags });
    this.clusters.set(name, kubernetes);
  }

  #applyManifest(request: string, { ClusterName: name, Manifest: manifest }: KubectlProperties): void {
    this.applied.push({ request, cluster: name });
    if (request === 'Delete') {
      this.cluster(name).manifest.splice(0);
      return;
    }
    const cluster = findCoveredCluster(this.#settings, name);
    this.#grant(name, cluster, JSON.parse(manifest));
  }

  /** As nothing here runs CEL, the admission policy of a manifest is its twin in TypeScript. */
  #grant(name: string, cluster: ReturnType<typeof findCoveredCluster>, manifest: object[]): void {
    const kubernetes = this.cluster(name);
    kubernetes.manifest.splice(0, Number.POSITIVE_INFINITY, ...manifest);
    const entries = entriesOf(this.#settings, clusterId(cluster));
    const version = rightsVersion(this.#settings, cluster);
    const policy = pullSecretPolicy({ name: this.#settings.name, version, entries });
    kubernetes.admission.splice(0, Number.POSITIVE_INFINITY, policy);
  }
}

interface KubectlProperties {
  readonly ClusterName: string;
  readonly Manifest: string;
}

interface KubectlEvent {
  readonly RequestType: string;
  readonly ResourceProperties: KubectlProperties;
}
