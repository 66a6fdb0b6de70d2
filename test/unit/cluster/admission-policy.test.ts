import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { clusterRights, EXPIRES_AT, NEWER_IS_THERE } from '../../../lambda/cluster/rights.ts';
import { settingsOf } from '../factories.ts';

// The expressions keep to a part of CEL that means the same in JavaScript; that the API server takes them is shown
// on a real one.
const CEL = {
  has: (field: unknown) => field !== undefined,
  size: (list: unknown[]) => list.length,
  timestamp: (text: string) => Date.parse(text),
};

interface Secret {
  readonly type: string;
  readonly metadata: {
    readonly name?: string;
    readonly finalizers?: string[];
    readonly ownerReferences?: object[];
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
}

/** What the policy of a deployment called team-helper says of a request; undefined where it lets it pass. */
function said(
  request: { object?: Secret; oldObject?: Secret },
  { recreate = false }: { recreate?: boolean } = {},
): string | undefined {
  const secrets = [{ recreate }, { name: 'kept' }];
  const settings = settingsOf({ name: 'team-helper', clusters: [{ name: 'prod' }], secrets });
  const policy = clusterRights(settings, { name: 'prod' }).find(
    ({ kind }) => kind === 'ValidatingAdmissionPolicy',
  );
  if (!policy) throw new Error('the manifest has no policy');
  const { validations } = policy.spec as { validations: { expression: string; message: string }[] };
  const operation = !request.object ? 'DELETE' : request.oldObject ? 'UPDATE' : 'CREATE';
  const failed = validations.find(
    ({ expression }) => !runInNewContext(expression, { ...CEL, ...request, request: { operation } }),
  );
  return failed?.message;
}

const secret = (metadata: Secret['metadata'] = {}, type = 'kubernetes.io/dockerconfigjson'): Secret => ({
  type,
  metadata: { name: 'ecr-docker-creds', ...metadata },
});
const until = (expiry: string) => secret({ annotations: { [EXPIRES_AT]: expiry } });
const labelled = (by: string) => secret({ labels: { 'app.kubernetes.io/managed-by': by } });

describe('a token', () => {
  const morning = until('2026-11-23T08:00:00Z');
  const evening = until('2026-11-23T20:00:00Z');
  test.for<[string, { object: Secret; oldObject?: Secret }, string | undefined]>([
    ['that ends later takes the place of another', { object: evening, oldObject: morning }, undefined],
    ['that ends earlier does not', { object: morning, oldObject: evening }, NEWER_IS_THERE],
    ['may be written twice', { object: evening, oldObject: evening }, undefined],
    ['may be the first', { object: morning }, undefined],
    ['may be put where there was none', { object: morning, oldObject: secret() }, undefined],
    ['may go, for a docker config without an end', { object: secret(), oldObject: evening }, undefined],
  ])('%s', ([, request, message]) => {
    expect(said(request)).toBe(message);
  });
});

describe('a secret', () => {
  test.for<[string, Secret, string]>([
    ['of another type', secret({}, 'kubernetes.io/service-account-token'), 'only secrets of type'],
    ['with a finalizer', secret({ finalizers: ['example.com/stay'] }), 'no finalizers'],
    ['with an owner', secret({ ownerReferences: [{}] }), 'no owner references'],
  ])('%s is neither made nor changed', ([, object, message]) => {
    expect(said({ object })).toContain(message);
    expect(said({ object, oldObject: secret() })).toContain(message);
  });

  test('with empty lists of them is', () => {
    expect(said({ object: secret({ finalizers: [], ownerReferences: [] }) })).toBeUndefined();
  });

  test('of ours is deleted, and of others only where an entry recreates', () => {
    expect(said({ oldObject: labelled('team-helper') })).toBeUndefined();
    for (const oldObject of [labelled('vault-agent'), secret({ labels: {} }), secret()]) {
      expect(said({ oldObject })).toBe('only secrets of ours are deleted');
      expect(said({ oldObject }, { recreate: true })).toBeUndefined();
      const kept = { ...oldObject, metadata: { ...oldObject.metadata, name: 'kept' } };
      expect(said({ oldObject: kept }, { recreate: true })).toBe('only secrets of ours are deleted');
    }
  });
});
