import * as z from 'zod';
import { strict, text } from '../schema.ts';
import { discoveryFields } from './discovery-fields.ts';
import { LONGEST_GAP_MINUTES, longestGapMinutes } from './schedule.ts';

const LABEL_KEY = '(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?';
const LABEL_VALUE = '(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?';
const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/;
const WHAT_REGION = 'an AWS region such as eu-west-1';
const ACCOUNT = /^\d{12}$/;
const WHAT_ACCOUNT = 'an AWS account id of 12 digits';
const REQUIREMENT = [
  `!?${LABEL_KEY}`,
  `${LABEL_KEY} ?(?:=|==|!=) ?${LABEL_VALUE}`,
  `${LABEL_KEY} (?:in|notin) ?\\( ?${LABEL_VALUE}(?: ?, ?${LABEL_VALUE})* ?\\)`,
].join('|');

/**
 * The fields of the settings, each by itself.
 * @param exempt says which texts are not known yet and pass unchecked
 */
export function settingsFields(exempt: (value: string) => boolean) {
  const field = (pattern: RegExp, what: string) => text(pattern, what, exempt);
  const region = field(REGION, WHAT_REGION);
  const accountId = field(ACCOUNT, WHAT_ACCOUNT);
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

  const cluster = strict({
    name: field(/^[0-9A-Za-z][\w-]{0,99}$/, 'the name of an EKS cluster'),
    id: field(/^[0-9A-Za-z][\w.-]{0,99}$/, 'an id of letters, digits, ".", "_" and "-"').optional(),
    region: region.optional(),
    accountId: accountId.optional(),
    roleArn: roleArn.optional(),
    rbac: z.enum(['apply', 'manual']).optional(),
    kubeconfigSecretId: secretId.optional(),
    kmsKeyArn: kmsKeyArn.optional(),
  });
  const repositories = z
    .array(field(/^[a-z0-9._/*-]{1,256}$/, 'a repository name or a glob of one such as team-a/*'))
    .min(1);
  const discovery = discoveryFields(field, { accountId, region });
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
    pullThroughCache: z
      .array(
        field(
          /^(?=.{2,30}$)[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*$/,
          'the prefix of a pull-through cache rule such as docker-hub',
        ),
      )
      .min(1)
      .optional(),
    hosts: z
      .array(field(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:\d{1,5})?$/, 'a registry host without https://'))
      .optional(),
  });
  const ecrPublic = strict({ type: z.literal('ecr-public') });
  const stored = strict({ type: z.literal('stored'), secretId, kmsKeyArn: kmsKeyArn.optional() });
  const namespaceGlob = field(
    /^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$/,
    'a namespace name or a glob of one such as team-* (lower case letters, digits, "-", "*")',
  );
  const entry = strict({
    name: field(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'a name of a Kubernetes secret').default(
      'ecr-docker-creds',
    ),
    registries: z
      .array(
        z.discriminatedUnion('type', [ecr, ecrPublic, stored], {
          error: ({ code, input }) =>
            code === 'invalid_union'
              ? `${JSON.stringify((input as { type?: unknown }).type)} is no type of registry; known are ecr, ecr-public, stored`
              : undefined,
        }),
      )
      .min(1)
      .prefault([{ type: 'ecr' }]),
    repositories: repositories.optional(),
    namespaces: strict({
      include: z.array(namespaceGlob).min(1).default(['*']),
      exclude: z.array(namespaceGlob).default([]),
      selector: field(
        new RegExp(`^(?:${REQUIREMENT})(?: ?, ?(?:${REQUIREMENT}))*$`),
        'a label selector such as team=x or tier in (web, api)',
      ).optional(),
    }).prefault({}),
    clusters: z
      .array(field(/^[\w.*-]{1,100}$/, 'a cluster id or a glob of one'))
      .min(1)
      .default(['*']),
    adoptFrom: z
      .array(field(/^[ -~]{1,128}$/, 'the name of a field manager, or "*"'))
      .default(['kubectl-create']),
    recreate: z.boolean().default(false),
    serviceAccounts: z
      .array(field(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'a name of a service account'))
      .max(20)
      .default([]),
  });
  const vpc = strict({
    vpcId: field(/^vpc-[0-9a-f]{8,17}$/, 'the id of a VPC'),
    subnetIds: z.array(field(/^subnet-[0-9a-f]{8,17}$/, 'the id of a subnet')).min(1),
    securityGroupIds: z.array(field(/^sg-[0-9a-f]{8,17}$/, 'the id of a security group')).min(1),
  });

  // compared at synth, so that they cannot be tokens
  const place = { accountId: text(ACCOUNT, WHAT_ACCOUNT), region: text(REGION, WHAT_REGION) };
  const accessStack = strict({
    ...place,
    externalId: text(/^[\w+=,.@:/-]{2,256}$/, 'an external id of 2 to 256 characters').optional(),
    vpc: vpc.optional(),
  });

  return strict({
    name: field(
      /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
      'a name of at most 40 lower case letters, digits and "-" that begins with a letter',
    ).default('ecr-registry-helper'),
    clusters: z.array(z.union([cluster, discovery])).min(1),
    secrets: z.array(entry).min(1).prefault([{}]),
    schedule: z
      .string()
      .default('rate(8 hours)')
      .superRefine((value, check) => {
        const gap = exempt(value) ? 0 : longestGapMinutes(value);
        if (gap === undefined) {
          check.addIssue(
            `${JSON.stringify(value)} is no schedule such as rate(8 hours) or cron(0 0/8 * * ? *)`,
          );
        } else if (gap === Number.POSITIVE_INFINITY) {
          check.addIssue(
            `${JSON.stringify(value)} may leave days out; give day, month, weekday and year as "*" or "?"`,
          );
        } else if (gap > LONGEST_GAP_MINUTES) {
          check.addIssue(
            `${JSON.stringify(value)} leaves more than 10 hours between two runs, and a token lives 12`,
          );
        }
      }),
    fleet: z.boolean().default(false),
    enabled: z.boolean().default(true),
    cleanup: z.boolean().default(false),
    newNamespaces: z.enum(['audit-log']).optional(),
    alarmTopic: field(
      /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}$/,
      'the ARN of an SNS topic',
    ).optional(),
    alarmEmail: field(/^[^\s@]{1,64}@[\w.-]{1,253}$/, 'an e-mail address').optional(),
    concurrency: z.int().min(1).max(64).default(16),
    accountId: place.accountId.optional(),
    region: place.region.optional(),
    accessStacks: z.array(accessStack).default([]),
    vpc: vpc.optional(),
    $schema: z.string().optional(),
  });
}

export type SettingsInput = z.input<ReturnType<typeof settingsFields>>;
export type Settings = z.output<ReturnType<typeof settingsFields>>;
/** One cluster; an element by which others are found gives one for each of them, with the tags of which it must have one. */
export type ClusterSettings = Exclude<Settings['clusters'][number], { discover: unknown }> & {
  readonly tags?: readonly { readonly key: string; readonly value: string }[] | undefined;
  /** What its `roleArn` asks for, where that is the role of an access stack. */
  readonly externalId?: string | undefined;
};
export type AccessStackSettings = Settings['accessStacks'][number];
export type SecretEntry = Settings['secrets'][number];
export type RegistrySettings = SecretEntry['registries'][number];
export type EcrRegistry = Extract<RegistrySettings, { type: 'ecr' }>;
export type StoredRegistry = Extract<RegistrySettings, { type: 'stored' }>;

/** The id by which events, reports and metrics name a cluster. */
export function clusterId(cluster: Pick<ClusterSettings, 'id' | 'name'>): string {
  return cluster.id ?? cluster.name;
}
