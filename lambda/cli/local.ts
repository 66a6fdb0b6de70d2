import { EKSClient } from '@aws-sdk/client-eks';
import { act } from '../actions.ts';
import type { Answer } from '../answers.ts';
import { startDeadline, systemClock } from '../clock.ts';
import { readEvent } from '../event.ts';
import type { Settings } from '../settings.ts';
import { awsFault, OwnTokenError } from './errors.ts';

const LONGEST_MS = 15 * 60_000;

/**
 * Does here, with the credentials at hand, what the function would do.
 * @throws OwnTokenError before anything is read, EventError, NotCoveredError, CredentialsError, RegionError
 */
export async function actHere(settings: Settings, event: unknown): Promise<Answer> {
  const invocation = readEvent(event);
  if (invocation.action === 'refresh') refuseOwnToken(settings);
  const region = await knownRegion();
  const deadline = startDeadline(systemClock, systemClock.now() + LONGEST_MS);
  try {
    return await act(settings, invocation, { region, clock: systemClock, deadline });
  } finally {
    deadline.stop();
  }
}

/** Refuses settings by which a token of whoever types this would reach the clusters. */
export function refuseOwnToken({ secrets }: Settings): void {
  const places = secrets.flatMap(({ name, registries }, entry) =>
    registries.flatMap((registry, nth) =>
      registry.type === 'ecr-public' ||
      (registry.type === 'ecr' && !registry.roleArn && !registry.keysSecretId)
        ? [`secrets[${entry}].registries[${nth}] (${name})`]
        : [],
    ),
  );
  if (places.length > 0) throw new OwnTokenError(places);
}

/** The region of environment or profile, once it is sure that there are credentials too. */
async function knownRegion(): Promise<string> {
  const client = new EKSClient({});
  try {
    await client.config.credentials();
    return await client.config.region();
  } catch (fault) {
    throw awsFault(fault, 'sts:GetCallerIdentity', 'your own identity');
  } finally {
    client.destroy();
  }
}
