import { AwsAccess } from './aws.ts';
import type { Clock, Deadline } from './clock.ts';
import { openCluster } from './cluster/open.ts';
import type { Invocation } from './event.ts';
import { refresh } from './refresh.ts';
import { CredentialReader } from './registry/credentials.ts';
import type { Report } from './report.ts';
import type { Settings } from './settings.ts';

/**
 * Runs a refresh with the real clients of a region, and closes what they opened.
 * @throws NotCoveredError
 */
export async function refreshWithAws(
  settings: Settings,
  invocation: Invocation,
  { region, clock, deadline }: { region: string; clock: Clock; deadline: Deadline },
): Promise<Report> {
  const aws = new AwsAccess(region, settings.name, deadline.signal);
  const credentials = new CredentialReader(aws, clock, deadline.signal);
  try {
    return await refresh(
      {
        clock,
        readCredentials: (entry) => credentials.read(entry),
        openCluster: (cluster) => openCluster({ cluster, settings, aws, clock, deadline }),
      },
      settings,
      invocation,
    );
  } finally {
    aws.destroy();
  }
}
