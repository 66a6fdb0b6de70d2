import { EXPIRES_AT } from '../../../../lambda/cluster/rights.ts';
import { apply, forcedApply, foreign, pullSecret } from '../calls.ts';
import type { Case } from '../case.ts';
import { ECHO_LABEL } from '../deployments.ts';
import { CEL_ERROR_TEXT } from '../known-differences.ts';

const metadata = (different: object) => pullSecret('1', {}, different);
const expiresAt = (time: string) => metadata({ annotations: { [EXPIRES_AT]: time } });

/** Namespaces, quotas and policies that do not let a secret in. */
export const admissionCases: Case[] = [
  { title: 'finds no namespace', send: apply(pullSecret(), { namespace: 'nowhere' }), code: 404 },
  { title: 'finds the namespace going away', namespace: { isTerminating: true }, send: apply(), code: 403 },
  { title: 'exceeds a quota', namespace: { quota: 'few' }, send: apply(), code: 403 },
  {
    title: 'meets a policy that echoes the object',
    send: apply(metadata({ labels: { [ECHO_LABEL]: 'true' } })),
    code: 422,
  },
  {
    title: 'puts no older token over a newer',
    before: [apply()],
    send: apply(expiresAt('2026-11-22T12:00:00Z')),
    code: 422,
  },
  {
    title: 'puts a newer token over an older',
    before: [apply()],
    send: apply(expiresAt('2026-11-24T12:00:00Z')),
    code: 200,
  },
  {
    title: 'cannot compare a time that is none',
    before: [apply()],
    send: apply(expiresAt('soon')),
    code: 422,
    known: CEL_ERROR_TEXT,
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
