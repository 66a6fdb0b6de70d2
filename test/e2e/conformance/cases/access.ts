import { secretPath } from '../../objects.ts';
import type { Caller } from '../callers.ts';
import { apply, get, list, PARTIAL, PARTIAL_LIST, pullSecret } from '../calls.ts';
import type { Case } from '../case.ts';

const strangers: Caller[] = [
  'nobody',
  'no signer',
  'wrong key',
  'wrong session',
  'other cluster',
  'other partition',
  'long ago',
  'unmapped role',
];
const secrets = '/api/v1/namespaces/{namespace}/secrets';

/** Who is let in, to what. */
export const accessCases: Case[] = [
  ...strangers.map(
    (who): Case => ({ title: `knows the caller not: ${who}`, send: { ...list(), who }, code: 401 }),
  ),
  {
    title: 'refuses a stranger before it looks at the request',
    send: apply('{', { who: 'nobody' }),
    code: 401,
  },
  { title: 'lets the function read its secret', before: [apply()], send: get(), code: 200 },
  {
    title: 'lets the function read the metadata',
    before: [apply()],
    send: get(undefined, { headers: { accept: PARTIAL } }),
    code: 200,
  },
  {
    title: 'serves no object as a list',
    before: [apply()],
    send: get(undefined, { headers: { accept: PARTIAL_LIST } }),
    code: 406,
  },
  {
    title: 'serves no HTML',
    before: [apply()],
    send: get(undefined, { headers: { accept: 'text/html' } }),
    code: 406,
  },
  { title: 'finds no secret', send: get(), code: 404 },
  { title: 'refuses another secret', send: get(secretPath('{namespace}', 'other')), code: 403 },
  {
    title: 'refuses to apply another secret',
    send: apply(pullSecret('1', {}, { name: 'other' }), { name: 'other' }),
    code: 403,
  },
  { title: 'refuses a list of secrets', send: get(secrets), code: 403 },
  { title: 'refuses a list of all secrets', send: get('/api/v1/secrets'), code: 403 },
  { title: 'refuses a watch of secrets', send: get(`${secrets}?watch=true`), code: 403 },
  {
    title: 'refuses to create without a name in the path',
    send: { method: 'POST', path: secrets, body: pullSecret() },
    code: 403,
  },
  {
    title: 'refuses to replace',
    before: [apply()],
    send: { method: 'PUT', path: secretPath('{namespace}'), body: pullSecret() },
    code: 403,
  },
  { title: 'refuses to delete a collection', send: { method: 'DELETE', path: secrets }, code: 403 },
  { title: 'refuses to read one namespace', send: get('/api/v1/namespaces/default'), code: 403 },
  {
    title: 'refuses another group',
    send: get('/apis/apps/v1/namespaces/{namespace}/deployments/x'),
    code: 403,
  },
  { title: 'refuses a path that is no resource', send: get('/metrics'), code: 403 },
];
