import fc from 'fast-check';
import type { Settings } from '../../../lambda/settings/schema.ts';
import type { AwsEmulator } from '../../sandbox/aws/server.ts';
import type { Expected } from '../expected.ts';
import { makeTrouble } from '../faults.ts';
import type { Fleet } from '../fleet.ts';
import type { MachineTime } from '../machine-time.ts';
import {
  type ApiFault,
  type AwsFault,
  CLUSTERS,
  type ClusterName,
  FAR_MS,
  type Guard,
  type Outage,
} from '../schedule.ts';
import type { World } from './world.ts';

/** What is out of order while a fault lasts, and for whom. */
export type FaultKind =
  | { readonly in: 'aws'; readonly operation: AwsFault['operation']; readonly what: AwsFault['what'] }
  | { readonly in: 'api'; readonly cluster: ClusterName; readonly what: ApiFault['what'] }
  | { readonly in: 'cluster'; readonly cluster: ClusterName; readonly what: Outage['what'] }
  /** A webhook that is down or slow, which is no denial. */
  | { readonly in: 'namespace'; readonly cluster: ClusterName; readonly name: string; readonly what: Guard }
  | { readonly in: 'clock'; readonly ms: number };

const AWS = ['throttle', 'error', 'denied', 'reset', 'stall', 'html', 'truncated', 'empty'] as const;
const API = [
  '429',
  '500',
  '502',
  '503',
  '504',
  '401',
  'html-502',
  'reset-before',
  'reset-after',
  'truncated',
  'stall',
] as const;
// without 'gone': a retry for a cluster that was deleted ends as done, and one of the same name is another
const OUTAGES = [
  'unreachable',
  'untrusted',
  'no-ca',
  'creating',
  'unmapped',
  'no-rights',
  'no-create',
] as const;
const VERBS = ['LIST', 'PATCH', 'GET', 'DELETE'] as const;
/** More than AWS takes a signature for. */
const WRONG_CLOCK = { min: 6 * 60_000, max: 3 * 3_600_000 };

/** @param name of a namespace */
export function faultKind(name: fc.Arbitrary<string>): fc.Arbitrary<FaultKind> {
  const cluster = fc.constantFrom(...CLUSTERS);
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        in: fc.constant('aws' as const),
        operation: fc.constantFrom<AwsFault['operation'][]>(
          'GetAuthorizationToken',
          'GetAuthorizationToken',
          'DescribeCluster',
          'AssumeRole',
          'GetSecretValue',
        ),
        what: fc.constantFrom<AwsFault['what'][]>(...AWS),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        in: fc.constant('api' as const),
        cluster,
        what: fc.constantFrom<ApiFault['what'][]>(...API),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        in: fc.constant('cluster' as const),
        cluster,
        what: fc.constantFrom<Outage['what'][]>(...OUTAGES),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        ...{ in: fc.constant('namespace' as const), cluster, name },
        what: fc.constantFrom<Guard[]>('hung', 'fails', 'slow-20', 'unexplained'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer(WRONG_CLOCK), fc.boolean())
        .map(([ms, isBehind]) => ({ in: 'clock' as const, ms: isBehind ? -ms : ms })),
    },
  );
}

/** Whether a fault may keep a secret from being written. */
export function mayHit(what: FaultKind, { cluster, namespace, entry }: Expected): boolean {
  switch (what.in) {
    case 'clock':
      return true;
    case 'api':
    case 'cluster':
      return what.cluster === cluster;
    case 'namespace':
      return what.cluster === cluster && what.name === namespace;
    case 'aws':
      return isCalled(what.operation, cluster, entry);
  }
}

function isCalled(operation: AwsFault['operation'], cluster: ClusterName, { registries }: Expected['entry']) {
  switch (operation) {
    case 'DescribeCluster':
      return true;
    case 'GetAuthorizationToken':
      return registries.some(({ type }) => type !== 'stored');
    case 'AssumeRole':
      return cluster === 'red' || registries.some((one) => one.type === 'ecr' && one.roleArn !== undefined);
    case 'GetSecretValue':
      return registries.some((one) => one.type === 'stored' || (one.type === 'ecr' && one.keysSecretId));
  }
}

/** Where a fault takes place. */
export interface Stage {
  readonly fleet: Fleet;
  readonly aws: AwsEmulator;
  readonly time: MachineTime;
  readonly world: World;
  /** Those that are deployed at that moment. */
  readonly settings: () => Settings;
}

/** Begins a fault; the returned function ends it. */
export function beginFault(what: FaultKind, { fleet, aws, time, world, settings }: Stage): () => void {
  switch (what.in) {
    case 'clock':
      time.skew = what.ms;
      return () => {
        time.skew = 0;
      };
    case 'namespace':
      return world.block(what.cluster, what.name, what.what);
    case 'cluster': {
      const trouble = makeTrouble(
        only([{ on: 'cluster', cluster: what.cluster, what: what.what }]),
        fleet,
        aws,
        time,
      );
      return () => {
        trouble.end();
        fleet.grantAccess(fleet.ship(what.cluster), settings());
      };
    }
    case 'aws': {
      const fault: AwsFault = {
        on: 'aws',
        operation: what.operation,
        what: what.what,
        from: 1,
        times: Infinity,
      };
      return makeTrouble(only([fault]), fleet, aws, time).end;
    }
    case 'api': {
      const faults = VERBS.map(
        (verb): ApiFault => ({
          ...{ on: 'api', cluster: what.cluster, verb, namespace: undefined, what: what.what },
          ...{ from: 1, times: Infinity, retryAfter: undefined, offset: 0 },
        }),
      );
      return makeTrouble(only(faults), fleet, aws, time).end;
    }
  }
}

function only(faults: Parameters<typeof makeTrouble>[0]['faults']) {
  return { faults, deadline: { ms: FAR_MS }, heldAt: undefined };
}
