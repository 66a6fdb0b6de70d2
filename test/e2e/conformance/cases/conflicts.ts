import { FETCHED_AT } from '../../../../lambda/kubernetes/pull-secret.ts';
import { ANNOTATIONS, apply, base64, forcedApply, foreign, get, LABELS, pullSecret } from '../calls.ts';
import type { Case } from '../case.ts';
import { DEPLOYMENT } from '../deployments.ts';
import { CAUSE_ORDER } from '../known-differences.ts';

const handEdited = foreign('hand', { labels: LABELS, annotations: ANNOTATIONS, manager: 'kubectl-edit' });
const opaque = { type: 'Opaque', data: { password: base64('x') } };
const argo = { manager: 'argocd-controller', operation: 'Apply' } as const;
const strip = { strip: true } as const;
const same = apply();
/** As somebody makes the secret that `same` applied immutable, and changes nothing else. */
const frozen = foreign('1', {
  labels: LABELS,
  annotations: ANNOTATIONS,
  immutable: true,
  manager: 'kubectl-edit',
});
const names = [
  'a "quoted" \\ name',
  'ü'.repeat(60),
  '</script> <b>',
  ...Array.from({ length: 17 }, (_, at) => `x${at}`),
];

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
  { title: 'is the same as immutable data', before: [same, frozen], send: apply(), code: 200 },
  {
    title: 'changes the annotations of immutable data of its own',
    before: [same, frozen],
    send: apply(
      pullSecret('1', {}, { annotations: { ...ANNOTATIONS, [FETCHED_AT]: '2026-11-24T00:00:00Z' } }),
    ),
    code: 200,
  },
  {
    title: 'finds data of its own immutable',
    before: [same, frozen],
    send: apply(pullSecret('2')),
    code: 422,
  },
  { title: 'shows no managers that were stripped', before: [apply(), strip], send: get(), code: 200 },
  {
    title: 'conflicts with one who is not known after managers were stripped',
    before: [apply(), strip],
    send: apply(pullSecret('2')),
    code: 409,
    quirk: { details: { causes: [{ message: 'conflict with "before-first-apply" using v1' }] } },
  },
  {
    title: 'conflicts with nobody over the same after managers were stripped',
    before: [apply(), strip],
    send: apply(),
    code: 200,
  },
  {
    title: 'takes over what has no managers when forced',
    before: [apply(), strip],
    send: forcedApply(pullSecret('2')),
    code: 200,
  },
  {
    title: 'keeps what has no managers without them after an update',
    before: [foreign('1'), strip, foreign('2', { manager: 'kubectl-edit' })],
    send: get(),
    code: 200,
  },
  {
    title: 'conflicts with who restored it from a backup',
    before: [foreign('1', { labels: LABELS, annotations: ANNOTATIONS, manager: 'velero-server' })],
    send: apply(pullSecret('2')),
    code: 409,
    known: CAUSE_ORDER,
  },
  {
    title: 'takes over what was restored from a backup when forced',
    before: [foreign('1', { labels: LABELS, annotations: ANNOTATIONS, manager: 'velero-server' })],
    send: forcedApply(pullSecret('2')),
    code: 200,
  },
  {
    title: 'conflicts with many managers of chosen names',
    before: [...names.map((manager) => foreign('1', { manager, operation: 'Apply' }))],
    send: apply(pullSecret('2')),
    code: 409,
    known: CAUSE_ORDER,
  },
  {
    title: 'finds type and data immutable',
    before: [foreign('', { ...opaque, immutable: true })],
    send: forcedApply(),
    code: 422,
  },
  {
    title: 'cannot drop immutable',
    before: [foreign('1', { immutable: true, manager: DEPLOYMENT, operation: 'Apply' })],
    send: apply(),
    code: 422,
  },
];
