import * as z from 'zod';
import { readEcrHost } from './hosts.ts';
import { LONGEST_GAP_MINUTES, longestGapMinutes } from './schedule.ts';
import { isLabelKey, isLabelValue, overlap, parseSelector, REGISTRY_HOST, SUBDOMAIN } from './selection.ts';

const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/;
const WHAT_REGION = 'an AWS region such as eu-west-1';
const ACCOUNT = /^\d{12}$/;
const WHAT_ACCOUNT = 'an AWS account id of 12 digits';
/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const RETENTION = /^(1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1096|1827|2192|2557|2922|3288|3653)$/;
const WHAT_RETENTION = 'CloudWatch Logs does not offer it; it offers 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 …';
const WHAT_KEY =
  'a key such as team or example.com/team (a name of at most 63 letters, digits, "-", "_" and ".")';
const WHAT_LABEL =
  'a label value (at most 63 letters, digits, "-", "_" and "."; a letter or digit at both ends)';
const REPOSITORY_URL = /^(?:oci:\/\/)?([^/]+)((?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)+)$/;
const WHAT_SUBDOMAIN =
  'lower case letters, digits, "-" and ".", at most 253; a letter or digit at both ends and beside each "."';
/** Labels and annotations that the function writes itself, or that make a secret one of `kubectl apply`. */
const RESERVED =
  /^(ecr-registry-helper\/.*|app\.kubernetes\.io\/(name|managed-by)|kubectl\.kubernetes\.io\/last-applied-configuration)$/;
/** Of all entries: the cost of an admission policy that names them is bounded. */
const MOST_KEYS = 100;
/** Kubernetes takes 256 KiB of annotations in all. */
const MOST_BYTES = 200_000;
/** With its first slash: `PATH/*` is a glob of at most 256 characters. */
const LONGEST_PATH = 255;

/**
 * The fields of the settings, each checked by itself.
 * @param isUnknown says which texts are known only at deployment and pass unchecked
 */
export function settingsFields(isUnknown: (value: string) => boolean) {
  const field = (pattern: RegExp, what: string) => text(pattern, what, isUnknown);
  const region = field(REGION, WHAT_REGION);
  const accountId = field(ACCOUNT, WHAT_ACCOUNT);
  const clusterGlob = field(
    /^[0-9A-Za-z*][\w*-]{0,99}$/,
    'the name of an EKS cluster or a glob of one such as team-*',
  );
  const roleArn = field(
    /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/,
    'the ARN of a role such as arn:aws:iam::111122223333:role/name',
  );
  const secretId = field(
    /^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]{1,512}-[A-Za-z0-9]{6}|[\w/+=.@-]{1,512})$/,
    'the name or the full ARN (with the six characters at its end) of a Secrets Manager secret',
  );
  const kmsKeyArn = field(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/(mrk-)?[0-9a-f-]{32,36}$/,
    'the ARN of a KMS key',
  );
  const repositories = z
    .array(field(/^[a-z0-9._/*-]{1,256}$/, 'a repository name or a glob of one such as team-a/*'))
    .min(1);
  const cachePrefix = field(
    /^(?:ROOT|(?=.{2,30}$)[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*)$/,
    'the prefix of a pull-through cache rule such as docker-hub, or ROOT for a rule without one',
  );
  const namespaceGlob = field(
    /^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$/,
    'a namespace name or a glob of one such as team-* (lower case letters, digits, "-", "*")',
  );

  const cluster = strict({
    name: field(/^[0-9A-Za-z][\w-]{0,99}$/, 'the name of an EKS cluster'),
    id: field(/^[0-9A-Za-z][\w.-]{0,99}$/, 'an id of letters, digits, ".", "_" and "-"').optional(),
    region: region.optional(),
    accountId: accountId.optional(),
    roleArn: roleArn.optional(),
    rbac: z.enum(['apply', 'manual']).optional(),
    kubeconfigSecretId: secretId.optional(),
    kmsKeyArn: kmsKeyArn.optional(),
    publicCertificate: z.boolean().optional(),
    server: field(
      /^https:\/\/(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*$/,
      'https://HOST:PORT or https://HOST:PORT/PATH',
    ).optional(),
    // it begins with "-----BEGIN CERTIFICATE-----"
    caData: field(
      /^LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t[A-Za-z0-9+/]+={0,2}$/,
      'certificates in PEM, in base64',
    ).optional(),
    webIdentity: strict({
      audience: field(/^[\w.:/@+=,-]{1,250}$/, 'an audience of letters, digits and ./:@+=,_-').optional(),
    }).optional(),
  });
  const tag = strict({
    key: field(/^[\w .:/=+@-]{1,128}$/, 'the key of a tag'),
    value: field(/^[\w .:/=+@-]{0,256}$/, 'the value of a tag'),
  });
  const discover = strict({
    accounts: z.array(accountId).min(1).optional(),
    regions: z.array(region).min(1).optional(),
    names: z.array(clusterGlob).min(1).optional(),
    tag: tag.optional(),
    roleName: field(/^[\w+=,.@-]{1,64}$/, 'the name of a role').optional(),
  });

  const ecr = strict({
    type: z.literal('ecr'),
    region: region.optional(),
    accountId: accountId.optional(),
    repositories: repositories.default(['*']),
    roleArn: roleArn.optional(),
    keysSecretId: secretId.optional(),
    kmsKeyArn: kmsKeyArn.optional(),
    fips: z.boolean().optional(),
    dualStack: z.boolean().optional(),
    pullThroughCache: z.array(cachePrefix).min(1).optional(),
    hosts: z.array(field(REGISTRY_HOST, 'a registry host without https://')).optional(),
  });
  const ecrPublic = strict({ type: z.literal('ecr-public') });
  const stored = strict({ type: z.literal('stored'), secretId, kmsKeyArn: kmsKeyArn.optional() });
  const registry = z.discriminatedUnion('type', [ecr, ecrPublic, stored], {
    error: ({ code, input }) =>
      code === 'invalid_union'
        ? `${JSON.stringify((input as { type?: unknown }).type)} is no type of registry; known are ecr, ecr-public, stored`
        : undefined,
  });
  const metadata = (isValue = (_value: string) => true, what = '') =>
    z.record(z.string(), z.string()).superRefine((map, check) => {
      const report = (message: string, path: string[] = []) =>
        check.addIssue({ code: 'custom', path, message });
      const bytes = Buffer.byteLength(JSON.stringify(map));
      if (bytes > MOST_BYTES) report(`they take ${bytes} bytes; at most ${MOST_BYTES} are allowed`);
      for (const [key, value] of Object.entries(map)) {
        if (!isLabelKey(key)) report(`${JSON.stringify(key)} is not ${WHAT_KEY}`);
        else if (RESERVED.test(key)) report(`${JSON.stringify(key)} is reserved`);
        else if (!isUnknown(value) && !isValue(value))
          report(`${JSON.stringify(value)} is not ${what}`, [key]);
      }
    });
  const selector = z.string().refine((value) => isUnknown(value) || parseSelector(value), {
    error: ({ input }) =>
      `${JSON.stringify(input)} is not a label selector such as team=x or tier in (web, api)`,
  });
  const namespaces = strict({
    include: z.array(namespaceGlob).min(1).default(['*']),
    exclude: z.array(namespaceGlob).default([]),
    selector: selector.optional(),
  });
  const coveredClusters = z.array(field(/^[\w.*-]{1,100}$/, 'a cluster id or a glob of one')).min(1);
  const entry = strict({
    name: field(SUBDOMAIN, `a name of a Kubernetes secret (${WHAT_SUBDOMAIN})`).default('ecr-docker-creds'),
    registries: z
      .array(registry)
      .min(1)
      .prefault([{ type: 'ecr' }]),
    repositories: repositories.optional(),
    namespaces: namespaces.prefault({}),
    clusters: coveredClusters.default(['*']),
    adoptFrom: z
      .array(field(/^[ -~]{1,128}$/, 'the name of a field manager, or "*"'))
      .default(['kubectl-create']),
    recreate: z.boolean().default(false),
    serviceAccounts: z
      .array(field(SUBDOMAIN, `a name of a service account (${WHAT_SUBDOMAIN})`))
      .max(20)
      .default([]),
    injectPods: z.boolean().default(false),
    labels: metadata(isLabelValue, WHAT_LABEL).default({}),
    annotations: metadata().default({}),
  });
  // a policy compares these, so that they cannot be tokens
  const argocdRepository = strict({
    type: z.literal('argocd-repository'),
    name: text(SUBDOMAIN, `a name of a Kubernetes secret (${WHAT_SUBDOMAIN})`),
    namespace: text(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a namespace name'),
    url: z.string().refine(readRepositoryUrl, {
      error: ({ input }) =>
        `${JSON.stringify(input)} is not the URL of an ECR registry such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/charts, with oci:// or without; it needs a path, as Argo CD takes the url for a prefix`,
    }),
    enableOCI: z.boolean().default(false),
    roleArn: roleArn.optional(),
    clusters: coveredClusters,
  }).transform(({ roleArn: role, ...repository }) => {
    // an entry for one namespace, to all that reads registries and namespaces
    const { name, namespace, url } = repository;
    const registries = [{ type: 'ecr' as const, ...readRepositoryUrl(url), roleArn: role }];
    return { ...entry.parse({ name, registries, namespaces: { include: [namespace] } }), ...repository };
  });
  const vpc = strict({
    vpcId: field(/^vpc-[0-9a-f]{8,17}$/, 'the id of a VPC'),
    subnetIds: z.array(field(/^subnet-[0-9a-f]{8,17}$/, 'the id of a subnet')).min(1),
    securityGroupIds: z.array(field(/^sg-[0-9a-f]{8,17}$/, 'the id of a security group')).min(1),
    ipv6: z.boolean().optional(),
  });

  // compared at synth, so that they cannot be tokens
  const place = { accountId: text(ACCOUNT, WHAT_ACCOUNT), region: text(REGION, WHAT_REGION) };
  const accessStack = strict({
    ...place,
    externalId: text(/^[\w+=,.@:/-]{2,256}$/, 'an external id of 2 to 256 characters').optional(),
    vpc: vpc.optional(),
    kmsKeyArn: kmsKeyArn.optional(),
  });
  const schedule = z.string().superRefine((value, check) => {
    const problem = isUnknown(value) ? undefined : scheduleProblem(value);
    if (problem) check.addIssue(`${JSON.stringify(value)} ${problem}`);
  });

  const retention = z.int().refine((days) => RETENTION.test(`${days}`), WHAT_RETENTION);

  return strict({
    // STS takes no session name of one character
    name: field(
      /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/,
      'a name of 2 to 40 lower case letters, digits and "-" that begins with a letter',
    ).default('ecr-registry-helper'),
    clusters: z.array(z.union([cluster, strict({ discover })])).min(1),
    secrets: z
      .array(z.union([entry.refine(() => false, { when: hasType, abort: true }), argocdRepository]))
      .min(1)
      .superRefine((entries, check) => {
        for (const field of ['labels', 'annotations'] as const) {
          const { size } = new Set(entries.flatMap((one) => Object.keys(one[field])));
          if (size > MOST_KEYS)
            check.addIssue(`${field} have ${size} different keys; at most ${MOST_KEYS} are allowed`);
        }
      })
      .superRefine(checkNames)
      .prefault([{}]),
    schedule: schedule.default('rate(8 hours)'),
    fleet: z.boolean().default(false),
    enabled: z.boolean().default(true),
    cleanup: z.boolean().default(false),
    newNamespaces: z.enum(['audit-log']).optional(),
    storedChanges: z.boolean().default(false),
    alarmTopic: field(
      /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}$/,
      'the ARN of an SNS topic',
    ).optional(),
    alarmEmail: field(/^[^\s@]{1,64}@[\w.-]{1,253}$/, 'an e-mail address').optional(),
    tags: z.array(tag).min(1).optional(),
    logRetentionDays: retention.optional(),
    kmsKeyArn: kmsKeyArn.optional(),
    permissionsBoundary: field(/^[\w+=,.@/-]{1,512}$/, 'the name of an IAM policy').optional(),
    stateMachineLogs: z.boolean().default(false),
    concurrency: z.int().min(1).max(64).default(16),
    accountId: place.accountId.optional(),
    region: place.region.optional(),
    accessStacks: z.array(accessStack).default([]),
    vpc: vpc.optional(),
    $schema: z.string().optional(),
  });
}

/** The registry of an Argo CD repository, and the repositories that its path names; undefined where it is not of ECR. */
function readRepositoryUrl(url: string) {
  const [, host = '', path = ''] = REPOSITORY_URL.exec(url) ?? [];
  const place = readEcrHost(host);
  const isRepository = place && path.length <= LONGEST_PATH;
  return isRepository ? { ...place, repositories: [path.slice(1), `${path.slice(1)}/*`] } : undefined;
}

/** An element with a type gets the errors of its type, not those of a pull secret. */
function hasType({ issues }: z.core.ParsePayload): boolean {
  return issues.some((issue) => issue.code === 'unrecognized_keys' && issue.keys.includes('type'));
}

/** An element of `secrets`; only an Argo CD repository secret has a namespace. */
type Named = Readonly<{ name: string; clusters: readonly string[]; namespace?: string }>;

/** Refuses an Argo CD repository secret that another element of `secrets` writes too. */
function checkNames(entries: readonly Named[], check: z.core.$RefinementCtx): void {
  for (const [at, { name, namespace, clusters }] of entries.entries()) {
    if (namespace === undefined) continue;
    const other = entries.findIndex(
      (one, nth) =>
        one.name === name &&
        (one.namespace === undefined || (one.namespace === namespace && nth < at)) &&
        clusters.some((glob) => one.clusters.some((its) => overlap(glob, its))),
    );
    if (other < 0) continue;
    const message = `${JSON.stringify(name)} is the name of secrets[${other}] too; give one of the two another name`;
    check.addIssue({ code: 'custom', path: [at, 'name'], message });
  }
}

function scheduleProblem(expression: string): string | undefined {
  const gap = longestGapMinutes(expression);
  if (gap === undefined) return 'is no schedule such as rate(8 hours) or cron(0 0/8 * * ? *)';
  if (gap === Number.POSITIVE_INFINITY) {
    return 'may leave days out; give day, month, weekday and year as "*" or "?"';
  }
  return gap > LONGEST_GAP_MINUTES
    ? 'leaves more than 10 hours between two runs, and a token lives 12'
    : undefined;
}

/** The settings as they are written. */
export type SettingsInput = z.input<ReturnType<typeof settingsFields>>;
/** Checked settings, with the defaults filled in. */
export type Settings = z.output<ReturnType<typeof settingsFields>>;
/** One cluster, listed or discovered; a discovered one with the tags of which it must have one. */
export type ClusterSettings = Exclude<Settings['clusters'][number], { discover: unknown }> & {
  readonly tags?: readonly { readonly key: string; readonly value: string }[] | undefined;
  /** The external id that the trust policy of `roleArn` requires, for the role of an access stack. */
  readonly externalId?: string | undefined;
};
export type AccessStackSettings = Settings['accessStacks'][number];
/** An element of `secrets` that is a pull secret. */
export type SecretEntry = Exclude<Settings['secrets'][number], { type: unknown }>;
/** One that is the secret of an Argo CD repository, in one namespace. */
export type ArgocdRepository = Extract<Settings['secrets'][number], { type: unknown }>;
export type RegistrySettings = SecretEntry['registries'][number];
export type EcrRegistry = Extract<RegistrySettings, { type: 'ecr' }>;

/** The id by which events, reports and metrics name a cluster. */
export function clusterId(cluster: Pick<ClusterSettings, 'id' | 'name'>): string {
  return cluster.id ?? cluster.name;
}

/** Whether a cluster is of EKS, which says where its API server is. */
export function isEks({ kubeconfigSecretId, server }: ClusterSettings): boolean {
  return !kubeconfigSecretId && !server;
}

/** As the function requests web identity tokens, and as IAM allows it. */
export const WEB_IDENTITY = { algorithm: 'ES384', seconds: 900 };

/** The audience of the web identity tokens for a cluster, unlike that of any other: each could replay its tokens. */
export function audienceOf({ name }: Pick<Settings, 'name'>, cluster: ClusterSettings): string {
  return cluster.webIdentity?.audience ?? `${name}/${clusterId(cluster)}`;
}

/** AWS's name for a pull-through cache rule without a prefix: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-private-wildcards.html */
export const NO_PREFIX = 'ROOT';

/** Whether an entry has an ECR registry, whose tokens expire. */
export function hasToken({ registries }: Pick<SecretEntry, 'registries'>): boolean {
  return registries.some(({ type }) => type !== 'stored');
}

/** The name or ARN of the Secrets Manager secret that a registry needs, if any. */
export function storedSecretId(registry: RegistrySettings): string | undefined {
  if (registry.type === 'stored') return registry.secretId;
  return registry.type === 'ecr' ? registry.keysSecretId : undefined;
}

/** An object that rejects unknown fields; the message names them and the known ones. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown field ${issue.keys?.map((key) => JSON.stringify(key)).join(', ')}; known are ${known}`
        : undefined,
  });
}

/**
 * A string of a pattern.
 * @param what completes "… is not" in the message
 * @param isUnknown says which values pass unchecked
 */
export function text(pattern: RegExp, what: string, isUnknown: (value: string) => boolean = () => false) {
  return z
    .string()
    .refine((value) => isUnknown(value) || pattern.test(value), {
      error: (issue) => `${JSON.stringify(issue.input)} is not ${what}`,
    })
    .meta({ pattern: pattern.source });
}

/** Describes each issue of a failed check: the field, its value and what is allowed. */
export function explain(error: z.ZodError, separator = '; '): string {
  return error.issues.flatMap(resolveUnion).map(describeIssue).join(separator);
}

/** Of a union, the issues of the option that knows most of the given fields; else the issue itself. */
function resolveUnion(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const unknownFields = (option: z.core.$ZodIssue[]) =>
    option.flatMap((inner) =>
      inner.code === 'unrecognized_keys' && inner.path.length === 0 ? inner.keys : [],
    ).length;
  const [option] = issue.errors.toSorted((one, other) => unknownFields(one) - unknownFields(other));
  return option?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

/** Adds the value if the check was made with `reportInput` and the message lacks it. */
function describeIssue({ code, input, message, path }: z.core.$ZodIssue): string {
  const isValueShown = code === 'custom' || input === undefined || typeof input === 'object';
  const value = isValueShown ? '' : ` (found ${JSON.stringify(input)})`;
  const plain = message.replace(/^(?:Invalid|Too) \w+: /, '').replace('received undefined', 'found nothing');
  return `${printPath(path)}: ${plain}${value}`;
}

/** By hand: zod's own `toDotPath` brings all of zod's languages into the bundle. */
function printPath(path: PropertyKey[]): string {
  if (path.length === 0) return 'top level';
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`))
    .join('');
}
