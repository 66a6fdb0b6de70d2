import { PULL_SECRET } from '../../objects.ts';
import type { Caller } from '../callers.ts';
import type { Call, Case } from '../case.ts';

/** Asks whether the caller holds a right in all namespaces. */
function review(resourceAttributes: object, who: Caller = 'function'): Call {
  return {
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    },
    headers: { accept: 'application/json' },
    who,
  };
}

const secrets = { group: '', resource: 'secrets' };
const answered = (title: string, attributes: object, allowed: boolean): Case => ({
  title,
  send: review(attributes),
  code: 201,
  quirk: { status: { allowed } },
});

/** What a caller is told of rights of its own. */
export const reviewCases: Case[] = [
  answered('knows of a right by name', { ...secrets, verb: 'patch', name: PULL_SECRET }, true),
  answered('knows of a right on all', { group: '', resource: 'namespaces', verb: 'list' }, true),
  answered(
    'knows of a right in one namespace',
    { ...secrets, verb: 'patch', name: PULL_SECRET, namespace: 'default' },
    true,
  ),
  answered('knows that another name is denied', { ...secrets, verb: 'patch', name: 'other' }, false),
  answered('knows that no name is denied', { ...secrets, verb: 'get' }, false),
  answered(
    'knows that another group is denied',
    { group: 'apps', resource: 'secrets', verb: 'patch', name: PULL_SECRET },
    false,
  ),
  { title: 'tells a stranger nothing', send: review({ ...secrets, verb: 'get' }, 'nobody'), code: 401 },
];
