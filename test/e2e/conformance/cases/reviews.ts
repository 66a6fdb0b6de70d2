import { PULL_SECRET } from '../../objects.ts';
import type { Caller } from '../callers.ts';
import type { Call, Case } from '../case.ts';
import { DEPLOYMENT } from '../deployments.ts';
import { USER_EXTRA } from '../known-differences.ts';

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

/** Asks whom the server takes the caller for. */
const whoAmI = (who: Caller = 'function'): Call => ({
  method: 'POST',
  path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  headers: { accept: 'application/json' },
  who,
});

/** What a caller is told of itself and its rights. */
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
  {
    title: 'tells who asks and in which groups',
    send: whoAmI(),
    code: 201,
    quirk: { status: { userInfo: { groups: [DEPLOYMENT, 'system:authenticated'] } } },
    known: USER_EXTRA,
  },
  { title: 'tells a stranger nothing of itself', send: whoAmI('nobody'), code: 401 },
  { title: 'tells a stranger nothing', send: review({ ...secrets, verb: 'get' }, 'nobody'), code: 401 },
];
