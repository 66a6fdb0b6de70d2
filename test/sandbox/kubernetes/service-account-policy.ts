import { isDeepStrictEqual } from 'node:util';
import { deniedByPolicy } from './admission.ts';
import type { AccountCheck, ServiceAccount } from './service-accounts.ts';

/**
 * The product's own ValidatingAdmissionPolicy on service accounts in TypeScript, as nothing here runs CEL.
 * @param secrets the names of the deployment's secrets that are put into accounts
 */
export function serviceAccountPolicy(deployment: string, secrets: readonly string[]): AccountCheck {
  const names = secrets.toSorted();
  const others = ({ imagePullSecrets = [] }: ServiceAccount) =>
    imagePullSecrets.filter(({ name }) => name === undefined || !names.includes(name));
  return ({ user, name, object, oldObject }) => {
    if (!user.groups.includes(deployment)) return undefined;
    const policy = `${deployment}-service-accounts`;
    const deny = (text: string) =>
      deniedByPolicy({ resource: 'serviceaccounts', name }, { policy, binding: policy, text });
    if (!isDeepStrictEqual(kept(object), kept(oldObject))) return deny('only imagePullSecrets is changed');
    if (!isDeepStrictEqual(others(object), others(oldObject))) {
      return deny(`imagePullSecrets only gains or loses ${names.join(', ')}`);
    }
    const repeated = names.find((one) => count(object, one) > Math.max(1, count(oldObject, one)));
    return repeated === undefined ? undefined : deny(`imagePullSecrets holds ${repeated} once`);
  };
}

function count({ imagePullSecrets = [] }: ServiceAccount, secret: string): number {
  return imagePullSecrets.filter(({ name }) => name === secret).length;
}

function kept({ metadata, secrets, automountServiceAccountToken }: ServiceAccount): object {
  const { labels, annotations, finalizers, ownerReferences } = metadata;
  return { labels, annotations, finalizers, ownerReferences, secrets, automountServiceAccountToken };
}
