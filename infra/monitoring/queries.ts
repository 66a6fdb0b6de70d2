import { Names } from 'aws-cdk-lib';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/**
 * Questions to the log of the function, as lines of CloudWatch Logs Insights. `report` is what lambda/report.ts says;
 * its lists are read by jsonParse and unnest, as Insights finds no more than 200 fields of a line by itself.
 */
export const QUERIES = {
  'Failed runs': [
    'fields @timestamp, origin, coalesce(message, record.status) as reason, remedy, coalesce(requestId, record.requestId) as request',
    // the second is Lambda's own line on a run that it ended
    'filter (level = "ERROR" and ispresent(service)) or (type = "platform.report" and record.status in ["timeout", "failure"])',
    'sort @timestamp desc',
    'limit 50',
  ],
  'Problems by namespace': [
    'filter report.action = "refresh"',
    'fields jsonParse(@message) as run',
    'unnest run.report.clusters into cluster',
    'unnest cluster.problems into problem',
    'filter ispresent(problem.namespace)',
    'stats count(*) as runs, latest(@timestamp) as last by cluster.id, problem.namespace, problem.secret, problem.outcome, problem.reason, problem.remedy',
    'sort last desc',
    'limit 1000',
  ],
  'Runs and durations': [
    'filter report.action = "refresh"',
    'fields jsonParse(@message) as run',
    'unnest run.report.clusters into cluster',
    'display @timestamp, origin, report.durationMs, cluster.id, cluster.ok, cluster.durationMs, cluster.created, cluster.refreshed, cluster.unchanged, cluster.skipped, cluster.blocked, cluster.failed, cluster.error.reason',
    'sort @timestamp desc',
    'limit 100',
  ],
} as const;

/** Saves them in the account, in a folder of this deployment. */
export function saveQueries(scope: Construct, logGroup: logs.ILogGroup): void {
  const folder = Names.uniqueResourceName(scope, { maxLength: 128, separator: '-' });
  for (const [name, lines] of Object.entries(QUERIES)) {
    new CfnQueryDefinition(scope, name.replaceAll(' ', ''), {
      name: `${folder}/${name}`,
      queryString: lines.join('\n| '),
      logGroupNames: [logGroup.logGroupName],
    });
  }
}
