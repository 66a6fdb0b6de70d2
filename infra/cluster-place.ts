import { Token } from 'aws-cdk-lib';
import { Construct } from 'constructs';

/** A construct for what belongs to one cluster, by its id or, where that is known only at deployment, its place. */
export function clusterPlace(scope: Construct, id: string, at: number): Construct {
  return new Construct(scope, Token.isUnresolved(id) ? `Cluster${at}` : `Cluster-${id}`);
}
