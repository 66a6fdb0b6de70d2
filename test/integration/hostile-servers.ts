import type { Fault, FaultRule } from '../sandbox/kubernetes/faults.ts';

/** What a broken or hostile API server answers. */
export interface HostileServer {
  readonly title: string;
  readonly rule: FaultRule;
}

const MIB = 1024 * 1024;
const ESCAPES = 'a\u001b]0;title\u0007\u001b[2Jb\u009b\u202e';

const answer = (body: unknown): Fault => ({
  kind: 'status',
  status: 200,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
/** Of any request. */
const always = (title: string, body: unknown): HostileServer => ({ title, rule: () => answer(body) });
/** Of a list, or one page of it. */
const listed = (title: string, page: (nth: number) => unknown): HostileServer => ({
  title,
  rule: ({ method, attempt }) => (method === 'GET' ? answer(page(attempt)) : undefined),
});
const items = (title: string, ...all: unknown[]): HostileServer =>
  listed(title, () => ({ metadata: {}, items: all }));
const named = (title: string, metadata: object): HostileServer => items(title, { metadata });

/** Each of them ends its own cluster, and no other. */
export const hostileServers: readonly HostileServer[] = [
  listed('pages without items, for ever', (nth) => ({ metadata: { continue: `page-${nth}` }, items: [] })),
  listed('pages of one item, for ever', (nth) => ({
    metadata: { continue: `page-${nth}` },
    items: [{ metadata: { name: `team-${nth}`, namespace: `team-${nth}` } }],
  })),
  listed('a continue token that is no text', () => ({ metadata: { continue: { a: 1 } }, items: [] })),
  listed('a continue token of 1 MB', () => ({ metadata: { continue: 'x'.repeat(MIB) }, items: [] })),
  listed('10 MB of nested arrays', () => '['.repeat(5 * MIB) + ']'.repeat(5 * MIB)),
  listed('a list of 10 MB of nested arrays', () => `{"items":${'['.repeat(5 * MIB)}${']'.repeat(5 * MIB)}}`),
  listed('3 MB of empty objects', () => `{"items":[{}${',{}'.repeat(MIB)}]}`),
  {
    title: 'an error of 10 MB of nested arrays',
    rule: () => ({ kind: 'status', status: 403, body: '['.repeat(5 * MIB) + ']'.repeat(5 * MIB) }),
  },
  named('a name with escape sequences', { name: ESCAPES }),
  named('a name of 1 MB', { name: 'x'.repeat(MIB) }),
  named('a name with a path', { name: '../../secrets' }),
  named('an empty name', { name: '' }),
  named('no name', {}),
  named('a name that is a number', { name: 5 }),
  named('a namespace with escape sequences', { name: 'default', namespace: ESCAPES }),
  named('managed fields that are a number', { name: 'default', managedFields: 5 }),
  items('an item that is null', null),
  items('an item that is a text', ESCAPES),
  items('metadata that is a text', { metadata: ESCAPES }),
  listed('items that are a text', () => ({ items: ESCAPES })),
  listed('items that are an object', () => ({ items: { length: 5 } })),
  listed('no items', () => ({})),
  always('null', null),
  always('a number', 5),
  always('a text', JSON.stringify(ESCAPES)),
  always('an array', []),
  always('half of a JSON', '{"items": ['),
  always('wrong types everywhere', {
    kind: 5,
    metadata: { managedFields: { find: 5 }, name: [], continue: [] },
    items: 5,
    status: { allowed: 'yes', userInfo: { groups: 5 } },
  }),
  always('nulls everywhere', {
    kind: null,
    metadata: { managedFields: [null], labels: null },
    items: [{ metadata: { name: null } }],
    status: { userInfo: { groups: [null] } },
  }),
];
