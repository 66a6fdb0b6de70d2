import { PULL_SECRET } from '../../objects.ts';
import { get, PARTIAL, PARTIAL_LIST } from '../calls.ts';
import type { AccountSeed, Call, Case, FollowUp } from '../case.ts';
import { ACCOUNT_MANAGERS } from '../known-differences.ts';

const accounts = '/api/v1/namespaces/{namespace}/serviceaccounts';
const ours = { name: PULL_SECRET };
const byName = (name: string, more = '') => `?fieldSelector=metadata.name%3D${name}${more}`;

function add(path: string, value: unknown): object {
  return { op: 'add', path, value };
}

function patch(body: unknown, headers: Record<string, string> = {}, query = ''): Call {
  const type = { 'content-type': 'application/json-patch+json' };
  return { method: 'PATCH', path: `${accounts}/default${query}`, body, headers: { ...type, ...headers } };
}

function seeded(account: AccountSeed = {}): { before: { account: AccountSeed }[] } {
  return { before: [{ account }] };
}

const theirs = seeded({ imagePullSecrets: [{ name: 'theirs' }], secrets: [{ name: 'old-token' }] });
const copies = seeded({ imagePullSecrets: [ours, ours] });
const labelled = seeded({ labels: { team: 'x' }, automountServiceAccountToken: false });

/** Changes that our policy refuses, and those of others' accounts that it lets pass. */
const refused: [string, ReturnType<typeof seeded>, object[]][] = [
  ['takes out the secret of another', theirs, [{ op: 'remove', path: '/imagePullSecrets/0' }]],
  ['puts in the secret of another', theirs, [add('/imagePullSecrets/-', { name: 'x' })]],
  ['puts in its secret twice', theirs, [add('/imagePullSecrets/-', ours), add('/imagePullSecrets/-', ours)]],
  ['puts in one more copy of its secret', copies, [add('/imagePullSecrets/-', ours)]],
  ['changes secrets', theirs, [add('/secrets/-', ours)]],
  ['changes a label', labelled, [add('/metadata/labels/team', 'y')]],
  ['adds an annotation', labelled, [add('/metadata/annotations', { a: 'b' })]],
  ['changes what is mounted', labelled, [add('/automountServiceAccountToken', true)]],
];

const withVersion: (operations: object[]) => FollowUp =
  (operations) =>
  ({ resourceVersion = '' }) =>
    patch([{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, ...operations]);

const cases: Case[] = [
  {
    title: 'are listed by a name that we may list',
    ...theirs,
    send: get(accounts + byName('default')),
    code: 200,
  },
  {
    title: 'are listed as metadata',
    ...labelled,
    send: get(accounts + byName('default'), { headers: { accept: PARTIAL_LIST } }),
    code: 200,
  },
  { title: 'are none in a namespace without any', send: get(accounts + byName('default')), code: 200 },
  {
    title: 'are none in a namespace that is not there',
    send: get(`/api/v1/namespaces/nowhere/serviceaccounts${byName('default')}`),
    code: 200,
  },
  { title: 'are not listed by another name', send: get(accounts + byName('other')), code: 403 },
  { title: 'are not listed without a name', send: get('/api/v1/serviceaccounts'), code: 403 },
  { title: 'are not read', ...theirs, send: get(`${accounts}/default`), code: 403 },
  { title: 'get a list', ...seeded(), send: patch([add('/imagePullSecrets', [ours])]), code: 200 },
  {
    title: 'have one more in their list',
    ...theirs,
    send: patch([add('/imagePullSecrets/-', ours)]),
    code: 200,
  },
  {
    title: 'lose one copy of several',
    ...copies,
    send: patch([{ op: 'remove', path: '/imagePullSecrets/0' }]),
    code: 200,
  },
  {
    title: 'show metadata only',
    ...theirs,
    send: patch([add('/imagePullSecrets/-', ours)], { accept: PARTIAL }),
    code: 200,
  },
  {
    title: 'are as they were after a dry run',
    before: [...theirs.before, patch([add('/imagePullSecrets/-', ours)], {}, '?dryRun=All')],
    send: patch([]),
    code: 200,
  },
  {
    title: 'are not written by a patch without operations',
    before: [...theirs.before, patch([])],
    send: patch([]),
    code: 200,
  },
  {
    title: 'have no list when its last is taken out',
    before: [...seeded().before, patch([add('/imagePullSecrets', [ours])])],
    send: patch([{ op: 'remove', path: '/imagePullSecrets/0' }]),
    code: 200,
  },
  {
    title: 'change for the version that was seen',
    before: [...theirs.before, patch([])],
    send: withVersion([add('/imagePullSecrets/-', ours)]),
    code: 200,
  },
  {
    title: 'do not change for another version',
    ...theirs,
    send: patch([
      { op: 'test', path: '/metadata/resourceVersion', value: '1' },
      add('/imagePullSecrets/-', ours),
    ]),
    code: 422,
    quirk: { reason: 'Invalid', details: {} },
  },
  {
    title: 'have no list to append to',
    ...seeded(),
    send: patch([add('/imagePullSecrets/-', ours)]),
    code: 422,
  },
  {
    title: 'have nothing there to take out',
    ...theirs,
    send: patch([{ op: 'remove', path: '/imagePullSecrets/7' }]),
    code: 422,
  },
  { title: 'are not there', send: patch([]), code: 404 },
  { title: 'take no object for a patch', ...theirs, send: patch({ a: 1 }), code: 400 },
  ...refused.map(
    ([title, { before }, operations]): Case => ({
      title: `refuse a patch that ${title}`,
      before,
      send: patch(operations),
      code: 422,
    }),
  ),
];

/** Service accounts: lists of one name, and JSON patches. */
export const serviceAccountCases: Case[] = cases.map((one) => ({ ...one, known: ACCOUNT_MANAGERS }));
