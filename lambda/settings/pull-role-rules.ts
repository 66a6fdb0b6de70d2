import type { SecretEntry } from './fields.ts';
import { pullRoleKey } from './pull-role-key.ts';

/** What an entry with `repositories` must be, as its tokens are fetched by a role that CDK makes for it. */
export function checkPullRoles(
  secrets: readonly SecretEntry[],
  say: (path: PropertyKey[], message: string) => void,
): void {
  const keys = secrets.map((entry) => (entry.repositories ? pullRoleKey(entry) : undefined));
  for (const [at, { repositories, registries }] of secrets.entries()) {
    if (!repositories) continue;
    if (!registries.some(({ type }) => type === 'ecr')) {
      say(['secrets', at, 'repositories'], 'is for registries of type ecr, and this entry has none');
    }
    const first = keys.indexOf(keys[at]);
    if (first !== at) {
      say(
        ['secrets', at],
        `is for the same name, namespaces and clusters as secrets[${first}], which takes them all`,
      );
    }
    for (const [nth, registry] of registries.entries()) {
      if (registry.type !== 'ecr') continue;
      for (const field of ['roleArn', 'keysSecretId'] as const) {
        if (registry[field] === undefined) continue;
        const message = `${JSON.stringify(registry[field])} cannot fetch the token of an entry with repositories, which has a role of its own; leave ${field} or the entry's repositories out`;
        say(['secrets', at, 'registries', nth, field], message);
      }
      if (registry.pullThroughCache) {
        const message = `${JSON.stringify(registry.pullThroughCache)} asks for more than the role of an entry with repositories may do`;
        say(['secrets', at, 'registries', nth, 'pullThroughCache'], message);
      }
      if (registry.repositories.join(' ') !== '*') {
        const message = `${JSON.stringify(registry.repositories)} stand beside the repositories of the entry; name them there`;
        say(['secrets', at, 'registries', nth, 'repositories'], message);
      }
    }
  }
}
