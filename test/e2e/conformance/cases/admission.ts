import { EXPIRES_AT } from '../../../../lambda/kubernetes/pull-secret.ts';
import {
  ANNOTATIONS,
  apply,
  base64,
  dockerConfig,
  forcedApply,
  foreign,
  LABELS,
  pullSecret,
} from '../calls.ts';
import type { Case } from '../case.ts';
import { ECHO_LABELS } from '../deployments.ts';

const metadata = (different: object) => pullSecret('1', {}, different);
const expiresAt = (time: string) => metadata({ annotations: { [EXPIRES_AT]: time } });

/** What is neither ours nor anybody's yet. */
const ofOthers = {
  data: pullSecret('1', { data: { ...dockerConfig('1'), more: base64('y') } }),
  'a label': metadata({ labels: { ...LABELS, 'argocd.argoproj.io/secret-type': 'cluster' } }),
  'an annotation': metadata({ annotations: { ...ANNOTATIONS, note: 'y' } }),
  immutability: pullSecret('1', { immutable: true }),
};

/** Namespaces, quotas and policies that do not let a secret in. */
export const admissionCases: Case[] = [
  { title: 'finds no namespace', send: apply(pullSecret(), { namespace: 'nowhere' }), code: 404 },
  { title: 'finds the namespace going away', namespace: { isTerminating: true }, send: apply(), code: 403 },
  { title: 'exceeds a quota', namespace: { quota: 'few' }, send: apply(), code: 403 },
  {
    title: 'meets a policy that echoes the object',
    send: apply(metadata({ labels: ECHO_LABELS })),
    code: 422,
  },
  {
    title: 'puts no older token over a newer',
    before: [apply()],
    send: apply(expiresAt('2026-11-23T11:00:00Z')),
    code: 422,
  },
  {
    title: 'puts a newer token over an older',
    before: [apply()],
    send: apply(expiresAt('2026-11-24T12:00:00Z')),
    code: 200,
  },
  {
    title: 'puts an older token over one that lasts for more than an hour longer',
    before: [apply()],
    send: apply(expiresAt('2026-11-23T10:59:59Z')),
    code: 200,
  },
  ...['9999-12-31T23:59:59Z', '2026-11-31T00:00:00Z', 'soon', '', 'x'.repeat(100_000)].map(
    (time): Case => ({
      title: `puts a token over one that ends at "${time.slice(0, 20)}"`,
      before: [foreign('1', { annotations: { [EXPIRES_AT]: time } })],
      send: forcedApply(pullSecret('2')),
      code: 200,
    }),
  ),
  ...['9999-12-31T23:59:59Z', '2026-11-31T00:00:00Z', 'soon', 'x'.repeat(100_000)].map(
    (time): Case => ({
      title: `ends at "${time.slice(0, 20)}"`,
      before: [apply()],
      send: apply(expiresAt(time)),
      code: 422,
    }),
  ),
  {
    title: 'ends on the 29th of February of a leap year',
    before: [apply()],
    send: apply(expiresAt('2028-02-29T00:00:00Z')),
    code: 200,
  },
  { title: 'does not say when it ends', send: apply(metadata({ annotations: undefined })), code: 422 },
  {
    title: 'says no longer when it ends',
    before: [apply()],
    send: apply(metadata({ annotations: undefined })),
    code: 422,
  },
  ...Object.entries(ofOthers).map(
    ([what, object]): Case => ({ title: `has ${what} of its own`, send: apply(object), code: 422 }),
  ),
  ...Object.entries(ofOthers).map(
    ([what, object]): Case => ({ title: `adds ${what}`, before: [apply()], send: apply(object), code: 422 }),
  ),
  {
    title: 'changes what others put there',
    before: [foreign('1', { data: { ...dockerConfig('1'), more: base64('x') } })],
    send: forcedApply(ofOthers.data),
    code: 422,
  },
  {
    title: 'keeps what others put there',
    before: [
      foreign('1', {
        data: { ...dockerConfig('1'), more: base64('x') },
        labels: { team: 'x' },
        annotations: { note: 'x' },
      }),
    ],
    send: forcedApply(pullSecret('2')),
    code: 200,
  },
  { title: 'has no finalizers', send: apply(metadata({ finalizers: ['x/y'] })), code: 422 },
  {
    title: 'has no owners',
    send: apply(
      metadata({ ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u-1' }] }),
    ),
    code: 422,
  },
  {
    title: "asks for no service account's token",
    send: apply(
      pullSecret(
        '1',
        { type: 'kubernetes.io/service-account-token' },
        { annotations: { 'kubernetes.io/service-account.name': 'x' } },
      ),
    ),
    code: 422,
  },
  {
    title: 'has a type that is not the default',
    send: apply(pullSecret('1', { type: undefined })),
    code: 422,
  },
  {
    title: 'touches no finalizers of others',
    before: [apply(), foreign('1', { finalizers: ['q/z', 'a/b'], manager: 'kubectl-edit' })],
    send: forcedApply(pullSecret('2')),
    code: 422,
  },
];
