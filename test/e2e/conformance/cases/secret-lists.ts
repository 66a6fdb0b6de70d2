import { PULL_SECRET } from '../../objects.ts';
import { apply, foreign, get, PARTIAL, PARTIAL_LIST } from '../calls.ts';
import type { Call, Case, FollowUp } from '../case.ts';

const NAMED = `metadata.name=${PULL_SECRET}`;
const WHOLE = 'application/json';

function listSecrets(query: Record<string, string>, { all = false, accept = PARTIAL_LIST } = {}): Call {
  const path = all ? '/api/v1/secrets' : '/api/v1/namespaces/{namespace}/secrets';
  return get(`${path}?${new URLSearchParams(query)}`, { headers: { accept } });
}

const nextPage: FollowUp = ({ continue: token = '' }) =>
  listSecrets({ fieldSelector: NAMED, limit: '3', continue: token }, { all: true });

/** Lists of the secrets of one name, which a rule with that name allows. */
export const secretListCases: Case[] = [
  {
    title: 'lists the metadata of its secret in a namespace',
    before: [apply(), foreign('1', { name: 'other' })],
    send: listSecrets({ fieldSelector: NAMED }),
    code: 200,
  },
  {
    title: 'lists who else manages it',
    before: [foreign('1', { labels: { team: 'x' } })],
    send: listSecrets({ fieldSelector: NAMED, limit: '500' }),
    code: 200,
  },
  {
    title: 'lists whole secrets, as the right is no smaller',
    before: [apply()],
    send: listSecrets({ fieldSelector: NAMED }, { accept: WHOLE }),
    code: 200,
  },
  {
    title: 'lists null when there is none',
    send: listSecrets({ fieldSelector: NAMED }),
    code: 200,
    quirk: { items: null },
  },
  {
    title: 'lists no whole secret when there is none',
    send: listSecrets({ fieldSelector: NAMED }, { accept: WHOLE }),
    code: 200,
  },
  {
    title: 'lists none in a namespace that is not there',
    send: get(`/api/v1/namespaces/nope/secrets?fieldSelector=${NAMED}`, {
      headers: { accept: PARTIAL_LIST },
    }),
    code: 200,
  },
  {
    title: 'lists its secret of all namespaces',
    before: [apply()],
    send: listSecrets({ fieldSelector: NAMED }, { all: true }),
    code: 200,
  },
  {
    title: 'lists the first page of all namespaces',
    send: listSecrets({ fieldSelector: NAMED, limit: '3' }, { all: true }),
    code: 200,
  },
  {
    title: 'lists the next page of all namespaces',
    before: [listSecrets({ fieldSelector: NAMED, limit: '3' }, { all: true })],
    send: nextPage,
    code: 200,
  },
  {
    title: 'takes the longer form of the selector',
    before: [apply()],
    send: listSecrets({ fieldSelector: `metadata.name==${PULL_SECRET}` }),
    code: 200,
  },
  {
    title: 'selects by a label as well',
    before: [apply()],
    send: listSecrets({ fieldSelector: NAMED, labelSelector: 'team=nobody' }),
    code: 200,
  },
  ...['', 'metadata.name=other', `metadata.name!=${PULL_SECRET}`, 'type=Opaque'].flatMap(
    (fieldSelector): Case[] => [
      {
        title: `refuses a list by ${fieldSelector || 'nothing'}`,
        send: listSecrets({ fieldSelector }),
        code: 403,
      },
      {
        title: `refuses a list of all namespaces by ${fieldSelector || 'nothing'}`,
        send: listSecrets({ fieldSelector }, { all: true }),
        code: 403,
      },
    ],
  ),
  {
    title: 'refuses a watch of its secret',
    send: listSecrets({ fieldSelector: NAMED, watch: 'true' }),
    code: 403,
  },
  {
    title: 'serves no list of secrets as one object',
    before: [apply()],
    send: listSecrets({ fieldSelector: NAMED }, { accept: PARTIAL }),
    code: 406,
  },
];
