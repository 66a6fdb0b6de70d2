import { Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { SettingsError } from '../../lambda/errors.ts';
import { pullRoleKey } from '../../lambda/settings/pull-role-key.ts';
import type { SecretEntry, Settings } from '../../lambda/settings.ts';
import { acknowledgeWildcards } from '../acknowledgements.ts';
import { PULL, repositoryArns } from './ecr-rights.ts';

const TOKEN = 'ecr:GetAuthorizationToken';

/** IAM takes 10,240 characters of inline policy a role; some are for what is around the ARNs, which stand there twice. */
const LARGEST_LIST = 4_500;

export interface PullRolesProps {
  readonly settings: Settings;
  /** The ARNs of the function's role and, with functions in VPCs elsewhere, of the credentials role: they alone may assume them. */
  readonly readers: readonly string[];
  readonly permissionsBoundary?: iam.IManagedPolicy;
}

/**
 * A role for each entry with `repositories`, whose tokens open these and nothing else, whatever else a policy of a
 * repository allows it. Their names are known beforehand, so the function is told only what all begin with.
 * @throws SettingsError when an entry is not known at synth by whom it is for, or names too many repositories
 */
export class PullRoles extends Construct {
  readonly arns: string[];
  /** What the function has to be told of them. */
  readonly environment: Record<string, string>;

  constructor(scope: Construct, id: string, { settings, readers, permissionsBoundary }: PullRolesProps) {
    super(scope, id);
    const stack = Stack.of(this);
    // a role's name is the account's and takes 64 characters: the name 40, a region 14, the key 8
    const prefix = pullRolePrefix(settings.name, stack.region);
    const arnOf = (resourceName: string) =>
      stack.formatArn({ service: 'iam', region: '', resource: 'role', resourceName });
    this.arns = [...settings.secrets.entries()].flatMap(([at, entry]) => {
      if (!entry.repositories) return [];
      checkKnown(at, entry);
      const roleName = prefix + pullRoleKey(entry);
      makeRole(
        this,
        roleName,
        pullRoleKey(entry),
        readers,
        repositoriesOf(stack, at, entry),
        permissionsBoundary,
      );
      return [arnOf(roleName)];
    });
    this.environment = this.arns.length > 0 ? { PULL_ROLE_PREFIX: arnOf(prefix) } : {};
  }
}

/** What the names of the pull roles of a deployment begin with. */
export function pullRolePrefix(deployment: string, region: string): string {
  return `${deployment}-${region}-`;
}

function makeRole(
  scope: Construct,
  roleName: string,
  key: string,
  readers: readonly string[],
  repositories: string[],
  permissionsBoundary: iam.IManagedPolicy | undefined,
): void {
  const statements = [
    new iam.PolicyStatement({ sid: 'FetchToken', actions: [TOKEN], resources: ['*'] }),
    new iam.PolicyStatement({ sid: 'PullWithToken', actions: PULL, resources: repositories }),
    new iam.PolicyStatement({
      sid: 'NoOtherRepository',
      effect: iam.Effect.DENY,
      actions: PULL,
      notResources: repositories,
    }),
    new iam.PolicyStatement({
      sid: 'NothingElse',
      effect: iam.Effect.DENY,
      notActions: [TOKEN, ...PULL],
      resources: ['*'],
    }),
  ];
  const role = new iam.Role(scope, `Role-${key}`, {
    roleName,
    description: 'Its tokens open the repositories of one entry of the pull secrets',
    // by its ARN and not by its unique id, so that the function's role may be made anew; no other of the account
    assumedBy: new iam.AccountRootPrincipal().withConditions({
      ArnEquals: { 'aws:PrincipalArn': readers.length === 1 ? readers[0] : readers },
    }),
    inlinePolicies: { pull: new iam.PolicyDocument({ statements }) },
    ...(permissionsBoundary && { permissionsBoundary }),
  });
  acknowledgeWildcards(role, [
    { resources: ['*'], why: 'GetAuthorizationToken knows no resources' },
    { resources: repositories, why: 'the settings choose the repositories of this entry by globs' },
  ]);
}

/** @throws SettingsError naming what makes the list too long for a policy */
function repositoriesOf(stack: Stack, at: number, { repositories = [], registries }: SecretEntry): string[] {
  const arns = registries.flatMap((registry) =>
    registry.type === 'ecr' ? repositoryArns(stack, registry, repositories) : [],
  );
  const list = [...new Set(arns)];
  // as long as those of the longest region, as the place may be known only at deployment
  const length = registries.length * repositories.reduce((sum, glob) => sum + glob.length + 55, 0);
  if (length <= LARGEST_LIST) return list;
  throw new SettingsError(
    `secrets[${at}].repositories: ${repositories.length} of them in ${registries.length} registries do not fit in the policy of one role; use globs, or several entries`,
  );
}

/** @throws SettingsError naming the field that is a token */
function checkKnown(at: number, { name, namespaces, clusters }: SecretEntry): void {
  const { include, exclude, selector = '' } = namespaces;
  const texts = {
    name: [name],
    'namespaces.include': include,
    'namespaces.exclude': exclude,
    'namespaces.selector': [selector],
    clusters,
  };
  for (const [field, values] of Object.entries(texts)) {
    if (!values.some((value) => Token.isUnresolved(value))) continue;
    throw new SettingsError(
      `secrets[${at}].${field}: must be known at synth, as the role of an entry with repositories is called after it`,
    );
  }
}
