import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Ended, run } from '../infra/process.ts';

const OWN = JSON.parse(readFileSync('package.json', 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'helper-package-'));
const installed = join(folder, 'node_modules/ecr-registry-helper');

const WRONG = `
import { EcrRegistryHelper } from 'ecr-registry-helper';
export const wrong = (scope: never) => new EcrRegistryHelper(scope, 'Helper', { settings: { cluster: 'demo' } });
`;

/** Unpacks what npm would publish beside the packages that it says it needs, and no others. */
beforeAll(async () => {
  const packed = ok(await run('npm', ['pack', '--silent', '--pack-destination', folder]));
  mkdirSync(installed, { recursive: true });
  ok(await run('tar', ['-xzf', join(folder, packed.stdout.trim()), '-C', installed, '--strip-components=1']));
  const needed = [...Object.keys(OWN.dependencies), ...Object.keys(OWN.peerDependencies)];
  for (const name of [...needed, '@types/node']) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link);
  }
  cpSync('examples/construct', folder, { recursive: true });
  write('wrong.ts', WRONG);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

it('holds the construct, the bundle, its bill of materials and licences, the command line, and nothing else of dist', () => {
  expect(readdirSync(installed).sort()).toEqual(expect.arrayContaining(['dist', 'package.json']));
  expect(readdirSync(join(installed, 'dist')).sort()).toEqual(['cli', 'lambda', 'lib', 'sbom.cdx.json']);
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
  const options = { module: 'nodenext', target: 'es2024', strict: true, types: ['node'], skipLibCheck: true };
  write(
    'tsconfig.json',
    JSON.stringify({ compilerOptions: { ...options, noEmit: true }, files: ['app.ts', 'wrong.ts'] }),
  );
  const { stdout } = await run(process.execPath, [resolve('node_modules/typescript/bin/tsc')], {
    cwd: folder,
  });
  expect(stdout.match(/^\S.*error.*$/gm)).toEqual([
    expect.stringMatching(/^wrong\.ts.*'cluster' does not exist in type/),
  ]);
});

it.concurrent("synthesizes in somebody else's app, that gives it parts of its own", async () => {
  const outdir = join(folder, 'example.out');
  ok(await run(process.execPath, ['app.ts'], { cwd: folder, env: { CDK_OUTDIR: outdir } }));
  const resources = resourcesOf(join(outdir, 'Platform.template.json'));
  const [alarm] = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
  expect(alarm?.Properties.AlarmActions).toEqual([{ Ref: expect.stringMatching(/^Pages/) }]);
  const refresher = resources.find(({ Properties }) => Properties?.Environment?.Variables.SETTINGS);
  expect(refresher?.Properties.VpcConfig.SubnetIds).toHaveLength(2);
  expect(resources.map(({ Type }) => Type)).toContain('AWS::EKS::AccessEntry');
});

it.concurrent('synthesizes in an app of CommonJS', async () => {
  const outdir = join(folder, 'cjs.out');
  write(
    'app.cjs',
    `const { App, Stack } = require('aws-cdk-lib'); const { EcrRegistryHelper } = require('ecr-registry-helper');
const app = new App();
new EcrRegistryHelper(new Stack(app, 'Theirs'), 'Helper', { settings: { clusters: [{ name: 'demo' }] } });
app.synth();`,
  );
  ok(await run(process.execPath, ['app.cjs'], { cwd: folder, env: { CDK_OUTDIR: outdir } }));
  const types = resourcesOf(join(outdir, 'Theirs.template.json')).map(({ Type }) => Type);
  expect(types).toContain('AWS::Events::Rule');
});

it('is in the example at the versions that it is tested with', () => {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync('examples/construct/package.json', 'utf8'),
  );
  const { 'ecr-registry-helper': own, ...others } = dependencies;
  expect(own).toBe(OWN.version);
  expect(OWN.devDependencies).toMatchObject({ ...others, ...devDependencies });
});

// biome-ignore lint/suspicious/noExplicitAny: a template has no type of its own
function resourcesOf(file: string): { Type: string; Properties: any }[] {
  return Object.values(JSON.parse(readFileSync(file, 'utf8')).Resources);
}

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

function ok(ended: Ended): Ended {
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 });
  return ended;
}
