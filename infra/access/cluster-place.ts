import { Stack, Token, TokenComparison } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { SettingsError } from '../../lambda/errors.ts';
import { homeOf } from '../../lambda/settings/places.ts';
import type { ClusterSettings, Settings } from '../../lambda/settings.ts';

/** A construct for what belongs to one cluster, by its name or id or, where that is known only at deployment, its place. */
export function clusterPlace(scope: Construct, id: string, at: number): Construct {
  return new Construct(scope, Token.isUnresolved(id) ? `Cluster${at}` : `Cluster-${id}`);
}

/** Why a cluster is not, or may not be, where the stack is; undefined when it is there. */
export function elsewhere(scope: Construct, { region, accountId }: ClusterSettings): string | undefined {
  const stack = Stack.of(scope);
  return away('region', region, stack.region) ?? away('account', accountId, stack.account);
}

function away(what: 'region' | 'account', wanted: string | undefined, stack: string): string | undefined {
  const different = differs(wanted, stack);
  if (different === false) return undefined;
  if (different) return `its ${what} is ${wanted} and that of the stack ${stack}`;
  return `its ${what} is set and that of the stack is not known at synth (-c ${what}=, or env of the stack)`;
}

/** Whether a place differs from that of a stack; undefined when it is known only at deployment. */
export function differs(wanted: string | undefined, stack: string): boolean | undefined {
  if (wanted === undefined) return false;
  switch (Token.compareStrings(wanted, stack)) {
    case TokenComparison.SAME:
      return false;
    case TokenComparison.DIFFERENT:
      return true;
    default:
      return undefined;
  }
}

/** @throws SettingsError where the settings name another place of the function than that of its stack */
export function checkHome(scope: Construct, settings: Settings): void {
  const home = homeOf(settings);
  const { account, region } = Stack.of(scope);
  if (!home || (differs(home.accountId, account) === false && differs(home.region, region) === false)) return;
  const known =
    Token.isUnresolved(account) || Token.isUnresolved(region)
      ? 'not known at synth'
      : `${account}, ${region}`;
  throw new SettingsError(
    `accountId, region: the function is of ${home.accountId}, ${home.region}, and the place of its stack is ${known}; give the stack that env`,
  );
}
