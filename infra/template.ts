import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, BootstraplessSynthesizer, CfnParameter, type FileAssetLocation } from 'aws-cdk-lib';
import { Command, CommanderError } from 'commander';
import { zipSync } from 'fflate';
import { checkFile, print, printError, readSettingsFile, shellWord, UsageError } from '../lambda/cli/io.ts';
import { codeOf, plain, SettingsError, toHelperError } from '../lambda/errors.ts';
import type { SettingsInput } from '../lambda/settings/schema.ts';
import { APP_FLAGS, bundleFolder } from './function.ts';
import { addStacks } from './stack.ts';

const GUIDE = 'docs/guides/without-cdk.md';
const CONTEXT = {
  [APP_FLAGS]: GUIDE,
  'aws:cdk:disable-asset-staging': true,
  // its messages are printed here, and CI has it check the same constructs
  '@aws-cdk/core:annotationsInValidationReport': false,
  '@aws-cdk/core:validateAgainstDefaultRules': false,
};
/** In bytes: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const LARGEST_BODY = 51_200;

/** Takes the code of a stack's function from a bucket and a key that are parameters; a second asset is an error. */
class CodeByParameters extends BootstraplessSynthesizer {
  override addFileAsset(): FileAssetLocation {
    const parameter = (id: string, description: string) =>
      new CfnParameter(this.boundStack, id, { description }).valueAsString;
    const bucketName = parameter('CodeBucket', 'The S3 bucket of function.zip, in the region of the stack');
    const objectKey = parameter('CodeKey', 'The key of function.zip there; each other zip needs another one');
    return { bucketName, objectKey, httpUrl: '', s3ObjectUrl: '' };
  }
}

/** A template of one stack. */
type Template = ReturnType<typeof makeTemplates>[number];

/**
 * Makes the templates of a deployment, the main stack first: no assets, no custom resources, no bootstrap stack.
 * @param file of the settings
 * @throws SettingsError also for what needs CDK
 */
export function makeTemplates(file: string) {
  const input = readSettingsFile(file) as SettingsInput;
  const settings = checkFile(file, input);
  const { context } = JSON.parse(readFileSync(join(import.meta.dirname, '../cdk.json'), 'utf8'));
  const outdir = mkdtempSync(join(tmpdir(), 'template-'));
  try {
    const options = { outdir, analyticsReporting: false, defaultStackSynthesizer: new CodeByParameters() };
    const app = new App({ ...options, context: { ...context, ...CONTEXT } });
    const { name, accountId: account, region } = settings;
    const env = { account, region };
    addStacks(app, settings, { settings: withManualRbac(input), env, refreshOnDeploy: false });
    return app.synth().stacks.map(({ stackName, environment, tags, template, messages }) => ({
      file: stackName === name ? 'template.json' : `${stackName.slice(name.length + 1)}.json`,
      stackName,
      region: region && environment.region,
      /** Of the stack, which CloudFormation passes on to what CDK cannot tag. */
      tags,
      /** Minified JSON. */
      body: JSON.stringify(template),
      messages: messages.map(({ level, entry }) => `${level}: ${entry.data}`.replace(/ \[ack: .*/, '')),
    }));
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** @throws SettingsError for a cluster with rbac "apply": CDK's kubectl function is an asset and a custom resource */
function withManualRbac(input: SettingsInput): SettingsInput {
  const clusters = input.clusters.map((cluster, at) => {
    if ('discover' in cluster) return cluster;
    if (cluster.rbac !== 'apply') return { ...cluster, rbac: 'manual' as const };
    throw new SettingsError(
      `clusters[${at}].rbac: "apply" needs CDK, whose kubectl function applies the RBAC; leave rbac out, and apply the RBAC yourself (${GUIDE})`,
    );
  });
  return { ...input, clusters };
}

/** The archive of the function; the same bundle gives the same bytes. */
export function zipFunction(): Uint8Array {
  const folder = bundleFolder();
  const files = readdirSync(folder).sort();
  const contents = Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file))]));
  // the time is local, as the format has no time zone; Lambda's own user must be able to read the files
  return zipSync(contents, { mtime: new Date(1980, 0, 1, 12), os: 3, attrs: 0o644 << 16, level: 9 });
}

/**
 * The size of a template, and the commands that deploy it.
 * @param zip the path of the archive, and its key in the bucket
 */
function describeTemplate(template: Template, out: string, zip: { path: string; key: string }): string {
  const { stackName, region, body } = template;
  const path = join(out, template.file);
  const size = Buffer.byteLength(body);
  const ofRegion = region ? ` --region ${region}` : '';
  const tags = Object.entries(template.tags).map(([name, value]) => ` ${shellWord(`${name}=${value}`)}`);
  const [upload, parameters] = body.includes('"CodeBucket"')
    ? [
        `  aws s3 cp ${shellWord(zip.path)} "s3://$BUCKET/${zip.key}"${ofRegion}\n`,
        ` --parameter-overrides "CodeBucket=$BUCKET" CodeKey=${zip.key}`,
      ]
    : ['', ''];
  const [limit, from] = size > LARGEST_BODY ? ['does not fit', ' --s3-bucket "$BUCKET"'] : ['fits', ''];
  const options = `${parameters}${from}${tags.length > 0 ? ` --tags${tags.join('')}` : ''}`;
  return `${path}: ${size} bytes, ${limit} in --template-body (${LARGEST_BODY})
${upload}  aws cloudformation deploy --stack-name ${stackName} --template-file ${shellWord(path)}${ofRegion} --capabilities CAPABILITY_NAMED_IAM${options}
`;
}

function writeFiles({ settings, out }: { settings: string; out: string }): void {
  const templates = makeTemplates(settings);
  const contents = zipFunction();
  const path = join(out, 'function.zip');
  try {
    mkdirSync(out, { recursive: true });
    writeFileSync(path, contents);
    for (const { file, body } of templates) writeFileSync(join(out, file), body);
  } catch (fault) {
    throw new UsageError(`--out ${out} cannot be written (${codeOf(fault)})`);
  }
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  const key = `${templates[0]?.stackName}/${hash}.zip`;
  for (const message of templates.flatMap(({ messages }) => messages)) printError(message);
  print(`${path}: ${contents.length} bytes\n`);
  for (const template of templates) print(`\n${describeTemplate(template, out, { path, key })}`);
  print(`\nBUCKET is a bucket of yours in the region of the stack. All steps, and Terraform: ${GUIDE}\n`);
}

/** The command line. @param action takes what the flags say */
export function templateCommand(action: (flags: { settings: string; out: string }) => void): Command {
  return new Command('npm run -s template --')
    .description('Writes the templates of a deployment and the zip of its function, to deploy without CDK.')
    .requiredOption('--settings <file>', 'the settings')
    .requiredOption('--out <folder>', 'gets template.json and function.zip')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(plain(text)) })
    .showHelpAfterError('(add --help for all options)')
    .action(action);
}

if (import.meta.main) {
  try {
    templateCommand(writeFiles).parse();
  } catch (fault) {
    const isUsage = fault instanceof CommanderError;
    const error = toHelperError(fault);
    // commander has printed its own
    if (!isUsage) printError(`error: ${error.problem}\n${error.fix}`);
    const code = isUsage || error instanceof UsageError ? 2 : 1;
    process.exitCode = isUsage && fault.exitCode === 0 ? 0 : code;
  }
}
