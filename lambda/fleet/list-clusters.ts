import { type EKSClient, paginateListClusters } from '@aws-sdk/client-eks';
import { codeOf, DeadlineError, HelperError } from '../errors.ts';
import { ListClustersError } from './errors.ts';

/** The most that EKS gives in one page: https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html */
const PAGE = 100;

/**
 * The names of all EKS clusters in the client's region, as its identity sees them.
 * @param where names account and region in an error
 * @throws ListClustersError, AssumeRoleError, DeadlineError
 */
export async function listClusters(client: EKSClient, where: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  try {
    const pages = paginateListClusters({ client, pageSize: PAGE }, {}, { abortSignal: signal });
    for await (const { clusters = [] } of pages) names.push(...clusters);
  } catch (fault) {
    if (fault instanceof HelperError) throw fault;
    if (signal.aborted) throw new DeadlineError();
    throw new ListClustersError(where, codeOf(fault));
  }
  return names;
}
