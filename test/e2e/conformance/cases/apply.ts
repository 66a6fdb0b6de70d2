import { EXPIRES_AT } from '../../../../lambda/kubernetes/pull-secret.ts';
import {
  ANNOTATIONS,
  apply,
  base64,
  dockerConfig,
  forcedApply,
  foreign,
  get,
  LABELS,
  PARTIAL,
  pullSecret,
  remove,
} from '../calls.ts';
import type { Case } from '../case.ts';
import { DEPLOYMENT } from '../deployments.ts';

const partial = { headers: { accept: PARTIAL } };

/** What a server-side apply makes of the object and of who owns it. */
export const applyCases: Case[] = [
  { title: 'creates', send: apply(), code: 201 },
  { title: 'creates, answering with metadata', send: apply(pullSecret(), partial), code: 201 },
  { title: 'changes nothing', before: [apply()], send: apply(), code: 200 },
  { title: 'changes the data', before: [apply()], send: apply(pullSecret('2')), code: 200 },
  {
    title: 'changes the data, answering with metadata',
    before: [apply()],
    send: apply(pullSecret('2'), partial),
    code: 200,
  },
  {
    title: 'drops an annotation that it left out',
    before: [apply()],
    send: apply(pullSecret('1', {}, { annotations: { [EXPIRES_AT]: ANNOTATIONS[EXPIRES_AT] } })),
    code: 200,
  },
  {
    title: 'drops labels that it left out',
    before: [apply()],
    send: apply(pullSecret('1', {}, { labels: undefined })),
    code: 200,
  },
  {
    title: 'keeps an empty map in its fields',
    send: apply(pullSecret('1', {}, { labels: {} })),
    code: 201,
  },
  {
    title: 'fills a map that was empty',
    before: [foreign('1', { labels: {}, annotations: {}, manager: DEPLOYMENT, operation: 'Apply' })],
    send: apply(),
    code: 200,
  },
  {
    title: 'creates in a dry run',
    send: apply(pullSecret(), { query: { dryRun: 'All' }, ...partial }),
    code: 201,
  },
  {
    title: 'leaves nothing behind after a dry run',
    before: [apply(pullSecret(), { query: { dryRun: 'All' } })],
    send: get(),
    code: 404,
  },
  {
    title: 'changes in a dry run',
    before: [apply(), apply(pullSecret('2'), { query: { dryRun: 'All' } })],
    send: get(),
    code: 200,
  },
  {
    title: 'takes over from an update when forced',
    before: [foreign('old')],
    send: forcedApply(),
    code: 200,
  },
  {
    title: 'shares what an applier has set to the same value',
    before: [
      foreign('1', {
        labels: { 'app.kubernetes.io/name': 'ecr-registry-helper' },
        manager: 'argocd-controller',
        operation: 'Apply',
      }),
    ],
    send: apply(),
    code: 200,
  },
  {
    title: 'takes over from an applier and an update when forced',
    before: [
      foreign('1', { manager: 'argocd-controller', operation: 'Apply' }),
      apply(),
      foreign('3', { labels: { ...LABELS, x: 'y' }, annotations: ANNOTATIONS, manager: 'kubectl-edit' }),
    ],
    send: forcedApply(pullSecret('2')),
    code: 200,
  },
  {
    title: 'shows the managers of two updates',
    before: [
      foreign('1', { labels: { x: '1' }, annotations: { y: '2' } }),
      foreign('2', { labels: { x: '1', z: '3' }, manager: 'kubectl-edit' }),
    ],
    send: get(),
    code: 200,
  },
  {
    title: 'takes back what was edited by hand when forced',
    before: [apply(), foreign('hand', { labels: LABELS, annotations: ANNOTATIONS, manager: 'kubectl-edit' })],
    send: forcedApply(pullSecret('2')),
    code: 200,
  },
  {
    title: 'goes on after the secret was deleted',
    before: [apply(), remove()],
    send: apply(pullSecret('9')),
    code: 201,
  },
  {
    title: 'keeps the other data of a secret that it takes over',
    before: [foreign('1', { data: { ...dockerConfig('1'), more: base64('x') } })],
    send: forcedApply(pullSecret('2')),
    code: 200,
  },
];
