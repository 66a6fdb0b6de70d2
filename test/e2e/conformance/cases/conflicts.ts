import { ANNOTATIONS, apply, base64, forcedApply, foreign, LABELS, pullSecret } from '../calls.ts';
import type { Case } from '../case.ts';
import { CAUSE_ORDER } from '../known-differences.ts';

const handEdited = foreign('hand', { labels: LABELS, annotations: ANNOTATIONS, manager: 'kubectl-edit' });
const opaque = { type: 'Opaque', data: { password: base64('x') } };
const argo = { manager: 'argocd-controller', operation: 'Apply' } as const;

/** Secrets that belong to somebody else, or cannot become pull secrets any more. */
export const conflictCases: Case[] = [
  {
    title: 'conflicts with the update that created it',
    before: [foreign('old')],
    send: apply(),
    code: 409,
    quirk: { details: { causes: [{ message: 'conflict with "kubectl-create" using v1' }] } },
  },
  {
    title: 'conflicts with an edit by hand',
    before: [apply(), handEdited],
    send: apply(pullSecret('2')),
    code: 409,
  },
  {
    title: 'conflicts with an applier',
    before: [foreign('1', argo)],
    send: apply(pullSecret('2')),
    code: 409,
  },
  {
    title: 'conflicts with one manager over two fields',
    before: [foreign('old', { labels: { 'app.kubernetes.io/name': 'z' } })],
    send: apply(),
    code: 409,
  },
  {
    title: 'conflicts with two managers',
    before: [
      foreign('1', { ...argo, labels: { 'app.kubernetes.io/name': 'x' } }),
      foreign('3', { labels: { 'app.kubernetes.io/name': 'x' }, manager: 'kubectl-edit' }),
    ],
    send: apply(pullSecret('2')),
    code: 409,
    known: CAUSE_ORDER,
  },
  {
    title: 'conflicts in a dry run',
    before: [foreign('old')],
    send: apply(pullSecret(), { query: { dryRun: 'All' } }),
    code: 409,
  },
  {
    title: 'conflicts over the type before it is found immutable',
    before: [foreign('', opaque)],
    send: apply(),
    code: 409,
  },
  { title: 'finds the type immutable', before: [foreign('', opaque)], send: forcedApply(), code: 422 },
  {
    title: 'conflicts before the data is found immutable',
    before: [foreign('old', { immutable: true })],
    send: apply(),
    code: 409,
  },
  {
    title: 'finds the data immutable',
    before: [foreign('old', { immutable: true })],
    send: forcedApply(),
    code: 422,
  },
  {
    title: 'changes the labels of immutable data',
    before: [foreign('1', { immutable: true })],
    send: forcedApply(),
    code: 200,
  },
  {
    title: 'finds type and data immutable',
    before: [foreign('', { ...opaque, immutable: true })],
    send: forcedApply(),
    code: 422,
  },
  {
    title: 'cannot drop immutable',
    before: [apply(pullSecret('1', { immutable: true }))],
    send: apply(),
    code: 422,
  },
];
