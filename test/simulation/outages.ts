import type { AwsEmulator } from '../sandbox/aws/server.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import type { Ship } from './fleet.ts';
import { OTHER_ACCOUNT, type Outage } from './schedule.ts';

/** The certificate of an authority that signed nothing here. */
const { certificatePem: caOfSomebodyElse } = await createAuthority('somebody else');

/** Takes a whole cluster away from the function. */
export function applyOutage({ what, cluster: name }: Outage, { api }: Ship, aws: AwsEmulator): void {
  const region = name === 'green' ? 'us-east-1' : 'eu-west-1';
  const at = { name, region, ...(name === 'red' && { accountId: OTHER_ACCOUNT }) };
  const { endpoint, caPem } = api;
  switch (what) {
    case 'unreachable':
      // nothing listens there
      aws.addCluster({ ...at, caPem, endpoint: 'https://127.0.0.1:1' });
      return;
    case 'untrusted':
      aws.addCluster({ ...at, endpoint, caPem: caOfSomebodyElse });
      return;
    case 'no-ca':
      aws.addCluster({ ...at, endpoint });
      return;
    case 'creating':
      aws.addCluster({ ...at, status: 'CREATING' });
      return;
    case 'gone':
      aws.removeCluster(at);
      return;
    case 'unmapped':
      api.accessEntries.splice(0);
      return;
    case 'no-rights':
      api.manifest.splice(0);
      return;
    case 'no-create':
    case 'no-create-before-1.32':
      api.hidesDeniedCreate = what === 'no-create-before-1.32';
      api.manifest.splice(0, Infinity, ...api.manifest.map(withoutCreate));
  }
}

interface Role {
  readonly rules?: readonly { readonly verbs: readonly string[] }[];
}

function withoutCreate(manifest: object): object {
  const { rules } = manifest as Role;
  if (!rules) return manifest;
  const less = rules.map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => verb !== 'create') }));
  return { ...manifest, rules: less };
}
