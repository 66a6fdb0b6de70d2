import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Ended, run } from '../cli/process.ts';

// npm installs some hundred packages here, and TypeScript reads all of aws-cdk-lib
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const OWN = JSON.parse(readFileSync('package.json', 'utf8'));
const CDK = resolve('node_modules/aws-cdk/bin/cdk');
const folder = mkdtempSync(join(tmpdir(), 'helper-package-'));
const installed = join(folder, 'node_modules/ecr-registry-helper');
let archive: string;

/** The lowest Node that package.json allows, which npm installs here, and that of the tests: the folder of each. */
const lowestNode = `${OWN.engines.node.replace('>=', '')}.0`;
const NODES = [
  [lowestNode, join(folder, 'lowest-node/node_modules/.bin')],
  [process.versions.node, dirname(process.execPath)],
] as const;

const WRONG = `
import { EcrRegistryHelper } from 'ecr-registry-helper';
export const wrong = (scope: never) => new EcrRegistryHelper(scope, 'Helper', { settings: { cluster: 'demo' } });
`;
const SETTINGS = "{ settings: { clusters: [{ name: 'demo' }], alarmEmail: 'you@example.com' } }";

/** Unpacks what npm would publish beside the packages that it says it needs, and no others. */
beforeAll(async () => {
  const packed = ok(await run('npm', ['pack', '--silent', '--pack-destination', folder]));
  archive = join(folder, packed.stdout.trim());
  mkdirSync(installed, { recursive: true });
  ok(await run('tar', ['-xzf', archive, '-C', installed, '--strip-components=1']));
  const needed = [...Object.keys(OWN.dependencies), ...Object.keys(OWN.peerDependencies)];
  for (const name of [...needed, '@types/node']) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link);
  }
  cpSync('examples/construct', folder, { recursive: true });
  write('wrong.ts', WRONG);
  write('lowest-node/package.json', '{ "allowScripts": { "node": true } }');
  await install('lowest-node', `node@${lowestNode}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

it('holds the construct, the bundle, its bill of materials and licences, the command line, the schema, and nothing else of dist', () => {
  expect(readdirSync(installed).sort()).toEqual(expect.arrayContaining(['dist', 'package.json']));
  expect(readdirSync(join(installed, 'dist')).sort()).toEqual(['cli', 'lambda', 'lib', 'sbom.cdx.json']);
  const schema = readFileSync(join(installed, OWN.exports['./settings.schema.json']), 'utf8');
  expect(schema).toBe(readFileSync('docs/settings.schema.json', 'utf8'));
  const licences = 'THIRD-PARTY-LICENSES.txt';
  expect(readdirSync(join(installed, 'dist/lambda')).sort()).toEqual([licences, 'index.mjs']);
  expect(readdirSync(join(installed, 'dist/cli')).sort()).toEqual([
    licences,
    'bin.js',
    'main.mjs',
    'sbom.cdx.json',
  ]);
});

it.concurrent('has a command line that runs by itself', async () => {
  const { bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const file = join(installed, bin['ecr-registry-helper']);
  expect(readFileSync(file, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  const help = ok(await run(process.execPath, [file, '--help'], { cwd: folder }));
  expect(help.stdout).toMatch(/^Usage: ecr-registry-helper /);
  const rights = ok(await run(process.execPath, [file, 'rbac', '--cluster-name', 'demo'], { cwd: folder }));
  expect(rights.stdout).toContain('kind: ValidatingAdmissionPolicy');
  // what it loads only then: the SDK and the Kubernetes client
  const asked = [
    'status',
    '--local',
    '--cluster-name',
    'demo',
    '--region',
    'eu-west-1',
    '--profile',
    'nobody',
  ];
  const refused = await run(process.execPath, [file, ...asked], { cwd: folder });
  expect(refused).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/no valid AWS credentials/),
  });
});

it.concurrent('is typed in a strict app, that refuses wrong settings', async () => {
  const flags = [...STRICT, '--module', 'nodenext', 'app.ts', 'wrong.ts'];
  expect(await typeErrors('.', resolve('node_modules/typescript/bin/tsc'), flags)).toEqual([
    expect.stringMatching(/^wrong\.ts.*'cluster' does not exist in type/),
  ]);
});

describe.each(NODES)('on Node %s', (version, bin) => {
  it.concurrent('may run every package that npm ci installs', async () => {
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
      write(`clone-${version}/${name}`, readFileSync(name, 'utf8'));
    }
    const cwd = join(folder, `clone-${version}`);
    ok(await run('npm', ['ci', '--dry-run', '--engine-strict'], { cwd, env: { PATH: pathWith(bin) } }));
  });

  it.concurrent("synthesizes in somebody else's app, that gives it parts of its own", async () => {
    const outdir = join(folder, `example-${version}`);
    const { stdout, stderr } = ok(await cdk('.', bin, 'synth', '--quiet', '--output', outdir));
    expect(`${stdout}${stderr}`).not.toMatch(/warn/i);
    const { Resources, Outputs } = template(join(outdir, 'Platform.template.json'));
    const resources = Object.values(Resources);
    const [alarm] = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
    expect(alarm?.Properties.AlarmActions).toEqual([{ Ref: expect.stringMatching(/^Pages/) }]);
    const refresher = resources.find(({ Properties }) => Properties?.Environment?.Variables.SETTINGS);
    expect(refresher?.Properties.VpcConfig.SubnetIds).toHaveLength(2);
    expect(resources.map(({ Type }) => Type)).toContain('AWS::EKS::AccessEntry');
    expect(Object.keys(Outputs)).toEqual(expect.arrayContaining(outputsOfTheCommandLine()));
  });
});

it('is in the example at the versions that it is tested with', () => {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync('examples/construct/package.json', 'utf8'),
  );
  const { 'ecr-registry-helper': own, ...others } = dependencies;
  expect(own).toBe(OWN.version);
  expect(OWN.devDependencies).toMatchObject({ ...others, ...devDependencies });
});

describe('in an app of cdk init, with the newest versions', () => {
  beforeAll(async () => {
    mkdirSync(join(folder, 'stock'));
    const [[, bin]] = NODES;
    ok(await cdk('stock', bin, 'init', 'app', '--language', 'typescript', '--generate-only'));
    write('stock/lib/stock-stack.ts', STOCK_STACK);
    write('stock/test/stock.test.ts', STOCK_TEST);
    await install('stock', archive);
  });

  it.each(NODES)('synthesizes on Node %s', async (version, bin) => {
    const { stdout, stderr } = ok(await cdk('stock', bin, 'synth', '--quiet', '--output', version));
    expect(`${stdout}${stderr}`).not.toMatch(/warn/i);
    expect(typesIn(join(folder, 'stock', version, 'StockStack.template.json'))).toContain(
      'AWS::EKS::AccessEntry',
    );
  });

  it.each(NODES)('passes its test of jest on Node %s', async (_version, bin) => {
    ok(await run('npm', ['test'], { cwd: join(folder, 'stock'), env: { PATH: pathWith(bin) } }));
  });

  itSynthesizesPlainApps('stock');
});

describe('with the lowest versions of CDK and TypeScript', () => {
  beforeAll(async () => {
    write('lowest/package.json', '{}');
    const peers = Object.entries<string>(OWN.peerDependencies);
    const lowest = peers.map(([name, range]) => `${name}@${range.replace('^', '')}`);
    await install('lowest', archive, ...lowest, 'typescript@5.4', '@types/node@22');
    for (const name of ['app.mts', 'app.cts', 'app.ts']) write(`lowest/${name}`, WRONG);
  });

  it.each([
    ['nodenext', 'nodenext', ['app.mts', 'app.cts']],
    ['esnext', 'bundler', ['app.ts']],
    ['commonjs', 'node10', ['app.ts']],
  ] as const)('is typed in modules of %s, found as %s does', async (module, moduleResolution, files) => {
    const flags = [...STRICT, '--module', module, '--moduleResolution', moduleResolution, ...files];
    const errors = await typeErrors('lowest', 'node_modules/typescript/bin/tsc', flags);
    expect(errors).toEqual(files.map(() => expect.stringMatching(/'cluster' does not exist in type/)));
  });

  itSynthesizesPlainApps('lowest');
});

function itSynthesizesPlainApps(name: string): void {
  it.each(
    NODES.flatMap(([version, bin]) => PLAIN_APPS.map(([file, text]) => [file, version, bin, text] as const)),
  )('synthesizes in plain JavaScript: %s on Node %s', async (file, version, bin, text) => {
    write(`${name}/${file}`, text);
    const outdir = join(folder, name, `${file}-${version}`);
    ok(await run(join(bin, 'node'), [file], { cwd: join(folder, name), env: { CDK_OUTDIR: outdir } }));
    expect(typesIn(join(outdir, 'Theirs.template.json'))).toContain('AWS::Events::Rule');
  });
}

const STRICT = ['--noEmit', '--strict', '--esModuleInterop', '--target', 'es2022', '--types', 'node'];

const PLAIN_APPS = [
  [
    'plain.cjs',
    `const { App, Stack } = require('aws-cdk-lib');
const { EcrRegistryHelper } = require('ecr-registry-helper');
new EcrRegistryHelper(new Stack(new App(), 'Theirs'), 'Helper', ${SETTINGS}).node.root.synth();`,
  ],
  [
    'plain.mjs',
    `import { App, Stack } from 'aws-cdk-lib';
import { EcrRegistryHelper } from 'ecr-registry-helper';
new EcrRegistryHelper(new Stack(new App(), 'Theirs'), 'Helper', ${SETTINGS}).node.root.synth();`,
  ],
] as const;

const STOCK_STACK = `import * as cdk from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { EcrRegistryHelper } from 'ecr-registry-helper';
export class StockStack extends cdk.Stack {
  constructor(scope: Construct, id: string, props?: cdk.StackProps) {
    super(scope, id, props);
    new EcrRegistryHelper(this, 'PullSecrets', ${SETTINGS});
  }
}`;

const STOCK_TEST = `import * as cdk from 'aws-cdk-lib/core';
import { Template } from 'aws-cdk-lib/assertions';
import * as Stock from '../lib/stock-stack';
test('Rule Created', () => {
  const stack = new Stock.StockStack(new cdk.App(), 'MyTestStack');
  Template.fromStack(stack).resourceCountIs('AWS::Events::Rule', 1);
});`;

/** The outputs of the stack that the command line, or a command that it prints, looks for. */
function outputsOfTheCommandLine(): string[] {
  const sources = globSync('lambda/cli/*.ts').map((file) => readFileSync(file, 'utf8'));
  return sources.flatMap((text) =>
    [...text.matchAll(/\bOutputKey ?===? ?'(\w+)'/g)].map(([, key = '']) => key),
  );
}

async function typeErrors(name: string, tsc: string, flags: string[]): Promise<string[] | null> {
  const { stdout } = await run(process.execPath, [tsc, ...flags], { cwd: join(folder, name) });
  return stdout.match(/^\S.*error.*$/gm);
}

/** Runs the CDK CLI of this project with no account in reach, and with the Node of a folder for the app. */
function cdk(name: string, bin: string, ...args: string[]): Promise<Ended> {
  return run(process.execPath, [CDK, ...args, '--no-notices'], {
    cwd: join(folder, name),
    env: {
      HOME: folder,
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      PATH: pathWith(bin),
    },
  });
}

async function install(name: string, ...packages: string[]): Promise<void> {
  ok(await run('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: join(folder, name) }));
}

function pathWith(bin: string): string {
  return [bin, process.env.PATH].join(delimiter);
}

function template(file: string): Template {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function typesIn(file: string): string[] {
  return Object.values(template(file).Resources).map(({ Type }) => Type);
}

interface Template {
  // biome-ignore lint/suspicious/noExplicitAny: a template has no type of its own
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: any }>>;
  readonly Outputs: Readonly<Record<string, unknown>>;
}

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

function ok(ended: Ended): Ended {
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 });
  return ended;
}
