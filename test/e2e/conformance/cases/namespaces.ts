import { list, PARTIAL_LIST } from '../calls.ts';
import type { Case, FollowUp } from '../case.ts';
import { CONTINUE_TOKEN_TEXT, SELECTOR_TEXT } from '../known-differences.ts';

const labels = { team: 'x', tier: '1' };
const labelSelectors = [
  'team=x',
  'team==x',
  'team!=x',
  'team in (x,y)',
  'team notin (x)',
  'team',
  '!team',
  'team=x,tier=1',
  'tier in (1),team',
];
const fieldSelectors = [
  'metadata.name=default',
  'metadata.name==default',
  'metadata.name!=default',
  'metadata.name=nope',
  'status.phase=Terminating',
];
const WHOLE = 'application/json';

const nextPage: FollowUp = ({ continue: token = '' }) => list({ limit: 5, continue: token });

/** Lists of namespaces. */
export const namespaceCases: Case[] = [
  { title: 'lists whole namespaces', send: list({}, WHOLE), code: 200 },
  { title: 'lists metadata', namespace: { labels }, send: list(), code: 200 },
  { title: 'lists a page', send: list({ limit: 5 }), code: 200 },
  { title: 'lists the next page', before: [list({ limit: 5 })], send: nextPage, code: 200 },
  {
    title: 'lists the page after the next',
    before: [list({ limit: 5 }), nextPage],
    send: nextPage,
    code: 200,
  },
  { title: 'lists a page of a selection', send: list({ limit: 1, labelSelector: '!nothing' }), code: 200 },
  {
    title: 'lists whole namespaces of an empty selection',
    send: list({ labelSelector: 'team=nobody' }, WHOLE),
    code: 200,
  },
  {
    title: 'lists null when there is no metadata to list',
    send: list({ labelSelector: 'team=nobody' }),
    code: 200,
    quirk: { items: null },
  },
  ...labelSelectors.map((labelSelector) => ({
    title: `selects labels ${labelSelector}`,
    send: list({ labelSelector }),
    code: 200,
  })),
  ...fieldSelectors.map((fieldSelector) => ({
    title: `selects fields ${fieldSelector}`,
    send: list({ fieldSelector }),
    code: 200,
  })),
  {
    title: 'cannot select by a field that is not indexed',
    send: list({ fieldSelector: 'spec.x=1' }),
    code: 400,
  },
  { title: 'cannot select by a field without a value', send: list({ fieldSelector: 'x' }), code: 400 },
  ...['team in (x', '=', 'a b'].map((labelSelector) => ({
    title: `cannot parse ${labelSelector}`,
    send: list({ labelSelector }),
    code: 400,
    known: SELECTOR_TEXT,
  })),
  {
    title: 'cannot continue from what is no token',
    send: list({ limit: 2, continue: 'abc' }),
    code: 400,
    known: CONTINUE_TOKEN_TEXT,
  },
  {
    title: 'takes a negative limit for none',
    send: list({ limit: -1, fieldSelector: 'metadata.name=nope' }),
    code: 200,
  },
  { title: 'cannot read a limit that is no number', send: list({ limit: 'x' }), code: 400 },
  {
    title: 'serves the first kind that it can',
    send: list({ limit: 1 }, `text/html, ${PARTIAL_LIST}, application/json`),
    code: 200,
  },
  {
    title: 'serves no list as one object',
    send: list({ limit: 1 }, 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'),
    code: 406,
  },
];
