import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { accountPolicyName } from '../../lambda/kubernetes/pull-secret.ts';
import type { Manifest } from '../../lambda/kubernetes/rbac.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { ApiClient } from './control-plane/api-client.ts';
import { named, pullSecret } from './drafts.ts';
import { done, PULL_SECRET, secretPath } from './objects.ts';
import { until } from './until.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const paths: Readonly<Record<string, string>> = {
  ClusterRole: `${RBAC}/clusterroles`,
  ClusterRoleBinding: `${RBAC}/clusterrolebindings`,
  ValidatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  MutatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies',
  MutatingAdmissionPolicyBinding: '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings',
};

/** Gives a deployment its rights: what `npm run -s rbac` prints for its settings, applied as kubectl does. */
export async function permit(admin: ApiClient, settings: SettingsInput): Promise<void> {
  const { name = 'ecr-registry-helper', secrets = [] } = settings;
  await permitBy(admin, await printedManifests(settings), name, secrets[0]?.name);
}

/** Gives a deployment the rights of a manifest, and waits until its policy is in force for a secret. */
export async function permitBy(
  admin: ApiClient,
  manifests: readonly Manifest[],
  name: string,
  secret: string = PULL_SECRET,
): Promise<void> {
  for (const manifest of manifests) await applyManifest(admin, manifest);
  // a secret that only the policy refuses
  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret }, type: 'Opaque' };
  await denied(admin, name, 'default', body, `ValidatingAdmissionPolicy '${name}'`);
}

/** Lets the admission policy of a deployment deny one namespace, as an older one denies what newer settings add. */
export async function denyByOwnPolicy(admin: ApiClient, name: string, namespace: string): Promise<void> {
  const path = `${paths.ValidatingAdmissionPolicy}/${name}`;
  const { body: policy } = await admin.request<Manifest & { spec: { validations: object[] } }>('GET', path);
  const { apiVersion, kind, spec } = policy;
  const message = 'only what older settings define';
  const older = { expression: `object == null || object.metadata.namespace != '${namespace}'`, message };
  const validations = [older, ...spec.validations];
  await applyManifest(admin, {
    ...{ apiVersion, kind },
    metadata: { name, labels: {} },
    spec: { ...spec, validations },
  });
  await denied(admin, name, namespace, named(pullSecret()), message);
}

/** Waits until the API server denies a secret to a deployment, with `said` in its answer. */
async function denied(
  admin: ApiClient,
  name: string,
  namespace: string,
  body: object,
  said: string,
): Promise<void> {
  const { metadata } = body as { metadata: { name: string } };
  await until(`the policy of ${name} denies with ${said}`, async () => {
    const answer = await admin.request('PATCH', secretPath(namespace, metadata.name), {
      query: { fieldManager: name, dryRun: 'All' },
      headers: { 'impersonate-user': name, 'impersonate-group': name },
      contentType: 'application/apply-patch+yaml',
      body,
    });
    return JSON.stringify(answer.body).includes(said);
  });
}

/** Waits until the policy of a deployment for service accounts is in force too, by one that is there. */
export async function accountsAreGuarded(admin: ApiClient, name: string, account: string): Promise<void> {
  await until(`the policy of ${name} for service accounts is in force`, async () => {
    const answer = await admin.request('PATCH', `/api/v1/namespaces/${account}`, {
      query: { fieldManager: name, dryRun: 'All' },
      headers: { 'impersonate-user': name, 'impersonate-group': name },
      contentType: 'application/json-patch+json',
      body: [{ op: 'add', path: '/metadata/finalizers', value: ['example.com/never'] }],
    });
    return JSON.stringify(answer.body).includes(`ValidatingAdmissionPolicy '${accountPolicyName(name)}'`);
  });
}

/** Takes the binding of a deployment's admission policy away; it holds for a moment longer. */
export async function unbindPolicy(admin: ApiClient, name: string): Promise<void> {
  await done(admin, 'DELETE', `${paths.ValidatingAdmissionPolicyBinding}/${name}`);
}

/** Applies one object as kubectl does. */
export async function applyManifest(admin: ApiClient, manifest: Manifest): Promise<void> {
  const { name, namespace } = manifest.metadata;
  const kind = namespace
    ? `${RBAC}/namespaces/${namespace}/${manifest.kind.toLowerCase()}s`
    : paths[manifest.kind];
  const path = `${kind}/${name}?fieldManager=kubectl`;
  await done(admin, 'PATCH', path, manifest, 'application/apply-patch+yaml');
}

async function printedManifests(settings: SettingsInput): Promise<Manifest[]> {
  const folder = await mkdtemp(join(tmpdir(), 'e2e-settings-'));
  try {
    const file = join(folder, 'settings.json');
    await writeFile(file, JSON.stringify(settings));
    const command = ['run', '-s', 'rbac', '--', '-c', `settings=${file}`];
    const { stdout } = await promisify(execFile)('npm', command, { cwd: root });
    return readManifests(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The objects of a manifest in YAML. */
export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}
