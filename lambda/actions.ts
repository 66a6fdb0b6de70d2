import type { Answer } from './answers.ts';
import { AwsAccess, type InPlace } from './aws.ts';
import { cleanup } from './cleanup.ts';
import type { Clock, Deadline } from './clock.ts';
import { openCluster } from './cluster/open.ts';
import { examine } from './doctor.ts';
import type { Invocation } from './event.ts';
import { discover } from './fleet/discover.ts';
import { summarize } from './fleet/fleet-summary.ts';
import { refresh } from './refresh.ts';
import { CredentialReader } from './registry/credentials.ts';
import { KeptCredentials } from './registry/kept-credentials.ts';
import { relayedTo } from './relay/relay.ts';
import { relayed } from './relay/relayed.ts';
import { located } from './settings/located.ts';
import type { ClusterSettings, SecretEntry, Settings } from './settings.ts';
import { status } from './status.ts';

/** Where and until when an invocation runs. */
export interface Surroundings {
  readonly region: string;
  readonly clock: Clock;
  readonly deadline: Deadline;
  /** Of the rule that starts the function; undefined where this runs outside of its deployment. */
  readonly ruleName?: string | undefined;
  /** Of the function itself; undefined where this runs outside of its deployment. */
  readonly functionName?: string | undefined;
  /** What the ARNs of the pull roles begin with; undefined where this runs outside of its deployment. */
  readonly pullRolePrefix?: string | undefined;
  /** Only in the VPC of an access stack. */
  readonly inPlace?: InPlace | undefined;
}

/** Outlives a run where the function stays warm. */
const kept = new KeptCredentials();

/**
 * Does what an invocation asks for with the real clients of a region, and closes what they opened.
 * @throws EventError, CleanupOffError, NotCoveredError, FleetEventError before anything is read or written; FleetTooLargeError
 */
export async function act(
  given: Settings,
  invocation: Invocation,
  surroundings: Surroundings,
): Promise<Answer> {
  const { region, clock, deadline, pullRolePrefix, inPlace } = surroundings;
  const settings = located(given, region);
  const stack = relayedTo(settings, invocation, inPlace?.accessRoleArn);
  const { name: sessionName, region: homeRegion } = settings;
  const aws = new AwsAccess({ region, homeRegion, sessionName, signal: deadline.signal, inPlace });
  const credentials = new CredentialReader(aws, clock, deadline.signal, pullRolePrefix);
  const readCredentials = async (entry: SecretEntry) => {
    // every other run is there to bring new tokens
    const known = invocation.origin === 'logged' ? kept.find(entry, settings, clock.now()) : undefined;
    return known ?? kept.keep(entry, await credentials.read(entry));
  };
  const open = (cluster: ClusterSettings) => openCluster({ cluster, settings, aws, clock, deadline });
  try {
    if (stack) return await relayed(aws, settings, stack, invocation, surroundings);
    switch (invocation.action) {
      case 'status':
        return await status({ clock, openCluster: open }, settings, invocation);
      case 'cleanup':
        return await cleanup({ clock, openCluster: open }, settings, invocation);
      case 'discover':
        return await discover({ aws, clock, deadline }, settings);
      case 'summarize':
        return summarize(invocation, clock.now());
      case 'doctor':
        return await examine({ ...surroundings, aws, readCredentials }, settings, invocation);
      default:
        return await refresh({ clock, readCredentials, openCluster: open }, settings, invocation);
    }
  } finally {
    aws.destroy();
  }
}
