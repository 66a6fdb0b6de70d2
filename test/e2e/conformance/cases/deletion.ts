import { apply, forcedApply, foreign, get, PARTIAL, remove } from '../calls.ts';
import type { Case } from '../case.ts';

const UID = '11111111-2222-4333-8444-555555555555';
const partial = { headers: { accept: PARTIAL } };
const labels = { 'app.kubernetes.io/managed-by': 'cautious' };
const applied = { manager: 'cautious', operation: 'Apply' } as const;

/** Deletion, which `recreate` needs. */
export const deletionCases: Case[] = [
  { title: 'deletes', before: [apply()], send: remove(), code: 200 },
  {
    title: 'deletes the uid it means',
    before: [apply()],
    send: ({ uid = '' }) => remove({ preconditions: { uid } }),
    code: 200,
  },
  {
    title: 'deletes no other uid',
    before: [apply()],
    send: remove({ preconditions: { uid: UID } }),
    code: 409,
  },
  {
    title: 'deletes no other version',
    before: [apply()],
    send: remove({ preconditions: { resourceVersion: '5' } }),
    code: 409,
  },
  {
    title: 'leaves the secret after a refusal',
    before: [apply(), remove({ preconditions: { uid: UID } })],
    send: get(),
    code: 200,
  },
  { title: 'finds none to delete', send: remove(), code: 404 },
  { title: 'finds none after the deletion', before: [apply(), remove()], send: get(), code: 404 },
  {
    title: 'waits for finalizers',
    before: [foreign('1', { finalizers: ['x/y'] })],
    send: remove(),
    code: 200,
  },
  {
    title: 'waits no longer when asked twice',
    before: [foreign('1', { finalizers: ['x/y'] }), remove()],
    send: remove(),
    code: 200,
  },
  {
    title: 'is refused what waits for finalizers',
    before: [foreign('1', { finalizers: ['x/y'] }), remove()],
    send: forcedApply(),
    code: 422,
  },
  {
    title: 'deletes what it has applied with its label',
    before: [foreign('1', { labels, ...applied })],
    send: remove(undefined, { who: 'cautious' }),
    code: 200,
  },
  {
    title: 'is refused what carries no label of its own',
    before: [foreign('1', applied)],
    send: remove(undefined, { who: 'cautious' }),
    code: 422,
  },
  {
    title: 'is refused a copy that carries its label',
    before: [foreign('1', { labels })],
    send: remove(undefined, { who: 'cautious' }),
    code: 422,
  },
  {
    title: 'is refused what another has applied with its label',
    before: [foreign('1', { labels, ...applied, manager: 'reflector' })],
    send: remove(undefined, { who: 'cautious' }),
    code: 422,
  },
  { title: 'deletes, asked for metadata', before: [apply()], send: remove(undefined, partial), code: 200 },
  {
    title: 'marks what has finalizers, asked for metadata',
    before: [foreign('1', { finalizers: ['x/y'] })],
    send: remove(undefined, partial),
    code: 200,
  },
  { title: 'deletes in a dry run', before: [apply()], send: remove({ dryRun: ['All'] }), code: 200 },
  {
    title: 'leaves the secret in a dry run of the body',
    before: [apply(), remove({ dryRun: ['All'] })],
    send: get(),
    code: 200,
  },
  {
    title: 'leaves the secret in a dry run of the query',
    before: [apply(), remove(undefined, { query: 'dryRun=All' })],
    send: get(),
    code: 200,
  },
  {
    title: 'looks at no query when there is a body',
    before: [apply(), remove({}, { query: 'dryRun=All' })],
    send: get(),
    code: 404,
  },
  {
    title: 'marks nothing in a dry run',
    before: [foreign('1', { finalizers: ['x/y'] }), remove({ dryRun: ['All'] })],
    send: get(),
    code: 200,
  },
  {
    title: 'cannot delete in an unknown dry run',
    before: [apply()],
    send: remove({ dryRun: ['Some'] }),
    code: 422,
  },
  {
    title: 'cannot read options that are no JSON',
    before: [apply()],
    send: { ...remove(), body: '{' },
    code: 400,
  },
  {
    title: 'cannot delete in an unknown dry run of the query',
    before: [apply()],
    send: remove(undefined, { query: 'dryRun=Some' }),
    code: 422,
  },
  {
    title: 'deletes nothing for who takes HTML',
    before: [apply(), remove(undefined, { headers: { accept: 'text/html' } })],
    send: get(),
    code: 200,
  },
  { title: 'reads the options of a missing secret first', send: { ...remove(), body: '{' }, code: 400 },
];
