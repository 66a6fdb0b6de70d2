import { HelperError, remedyOf } from '../errors.ts';

/** One invocation is not for a whole fleet. */
export class FleetEventError extends HelperError {
  constructor(action: string) {
    super(
      `event: the settings are of a fleet, and a ${action} names no clusters`,
      'Start the state machine to refresh all; or name clusters, by id or ARN, in "clusters".',
    );
  }
}

export class FleetTooLargeError extends HelperError {
  constructor(count: number, most: number) {
    super(
      `${count} clusters were found, and a fleet takes ${most}`,
      'Narrow what discover finds, and make a deployment (with a name of its own) for each part.',
    );
  }
}

/** A `discover` finds no cluster at all, which may be a typo. */
export class NothingFoundError extends HelperError {
  constructor() {
    super(
      'no cluster is found by it',
      'Correct its accounts, regions, names or tag, or tag a cluster; one that is being made or deleted does not count.',
    );
  }
}

export class ListClustersError extends HelperError {
  constructor(where: string, code: string) {
    super(
      `the EKS clusters of ${where} could not be listed (${code})`,
      code === 'AccessDeniedException'
        ? 'Allow eks:ListClusters on * to the identity that the function uses there.'
        : remedyOf(
            code,
            'eks',
            'that region',
            'Check that the region is enabled in that account; passing faults mend themselves with the next run.',
          ),
    );
  }
}

/** Some clusters of a fleet were not refreshed, or none was found: thrown so that the state machine fails. */
export class FleetFailedError extends HelperError {
  constructor(summary: string) {
    super(summary, 'The report of each run in the log says what failed and what to do.');
  }
}
