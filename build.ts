import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { settingsInterface } from './generate-docs/settings.ts';
import { licenceTexts } from './licences.ts';
import { billOfMaterials } from './sbom.ts';

const ROOT = import.meta.dirname;
const BUNDLE = 'dist/lambda/index.mjs';
const CLI_BUNDLE = 'dist/cli/main.mjs';
const LICENCES = 'THIRD-PARTY-LICENSES.txt';
const METAFILE = join(ROOT, '.cache/lambda-metafile.json');
const SBOM = join(ROOT, 'dist/sbom.cdx.json');
const CLI_SBOM = join(ROOT, 'dist/cli/sbom.cdx.json');

/** Of the Kubernetes client only its API classes are used, but its package does not say that the rest may be left out. */
const withoutKubeConfig: Plugin = {
  name: 'without-kube-config',
  setup({ onResolve }) {
    onResolve(
      {
        filter:
          /^\.\/(config|cache|attach|watch|exec|portforward|yaml|log|informer|top|cp|metrics|object|health)\.js$/,
      },
      ({ importer, path }) =>
        /[\\/]@kubernetes[\\/]client-node[\\/]dist[\\/]index\.js$/.test(importer)
          ? { path: join(dirname(importer), path), sideEffects: false }
          : undefined,
    );
  },
};

/** undici's parsers come twice, also for machines whose WebAssembly has no SIMD, which are none of those that run Node 24 on Lambda. */
const withSimdOnly: Plugin = {
  name: 'with-simd-only',
  setup({ onResolve }) {
    onResolve({ filter: /\/(milo\/no-simd|llhttp\/llhttp-wasm)\.js$/ }, ({ importer, path }) =>
      /[\\/]undici[\\/]lib[\\/]dispatcher[\\/]/.test(importer)
        ? {
            path: join(
              dirname(importer),
              path.replace('no-simd', 'simd').replace('llhttp-wasm', 'llhttp_simd-wasm'),
            ),
          }
        : undefined,
    );
  },
};

export interface Bundle {
  readonly contents: Uint8Array;
  /** What it is made of; paths are relative to the root of the project. */
  readonly metafile: Metafile;
}

/** Bundles the function of the project in `root`. The same sources give the same bytes, wherever they lie. */
export async function bundleLambda(root: string = ROOT): Promise<Bundle> {
  return bundled(root, 'lambda/handler.ts', BUNDLE);
}

/** Bundles the command line. */
export async function bundleCli(): Promise<Bundle> {
  return bundled(ROOT, 'lambda/cli/main.ts', CLI_BUNDLE);
}

async function bundled(root: string, entry: string, outfile: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // packages of CommonJS in the bundle call require for Node's own modules
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
    mainFields: ['module', 'main'],
    // names stay for errors and stacks; no source map: inline it would take the bundle from 2.3 to 6 MB, and 20 MB of memory
    minify: true,
    keepNames: true,
    plugins: [withoutKubeConfig, withSimdOnly],
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const [file] = outputFiles;
  if (!file) throw new Error('esbuild made no bundle');
  return { contents: file.contents, metafile };
}

/**
 * Writes the function's bundle to `dist/lambda/index.mjs`, with nothing but the licences of what it contains beside it
 * as that folder is the asset, and what it is made of to `.cache/lambda-metafile.json`.
 */
export async function buildLambda(): Promise<Bundle> {
  const bundle = await bundleLambda();
  mkdirSync(dirname(METAFILE), { recursive: true });
  writeFileSync(METAFILE, JSON.stringify(bundle.metafile));
  replace(join(ROOT, BUNDLE), bundle.contents);
  writeLicences(BUNDLE, bundle);
  return bundle;
}

/** Writes the command line to `dist/cli`: its bundle, that one's bill of materials and licences, and the script that npm links. */
export async function buildCli(): Promise<void> {
  const bundle = await bundleCli();
  replace(join(ROOT, CLI_BUNDLE), bundle.contents);
  writeSbom(CLI_SBOM, bundle);
  writeLicences(CLI_BUNDLE, bundle);
  replace(join(ROOT, 'dist/cli/bin.js'), readFileSync(join(ROOT, 'lambda/cli/bin.js')));
}

function writeSbom(file: string, { contents, metafile }: Bundle): void {
  replace(file, Buffer.from(billOfMaterials(ROOT, metafile, contents)));
}

function writeLicences(beside: string, { metafile }: Bundle): void {
  replace(join(ROOT, dirname(beside), LICENCES), Buffer.from(licenceTexts(ROOT, metafile)));
}

/**
 * Writes the construct to `dist/lib`: a bundle for `import` and one for `require`, with the files that they read,
 * and its declarations once for each, as TypeScript takes a declaration for the format that its folder has.
 */
export async function buildLib(): Promise<void> {
  const lib = join(ROOT, 'dist/lib');
  rmSync(lib, { recursive: true, force: true });
  await bundleLib('esm', 'index.mjs');
  await bundleLib('cjs', 'index.cjs');
  copyFileSync(join(ROOT, 'infra/kubectl.py'), join(lib, 'kubectl.py'));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'infra/tsconfig.build.json'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`tsc ended with ${status}`);
  documentSettings();
  for (const file of globSync(join(lib, 'types/**/*.d.ts'))) {
    // the declarations of the function name its SDK clients, which are in its bundle alone
    writeFileSync(file, `// @ts-nocheck\n${readFileSync(file, 'utf8')}`);
  }
  cpSync(join(lib, 'types'), join(lib, 'types-commonjs'), { recursive: true });
  writeFileSync(join(lib, 'types-commonjs/package.json'), '{ "type": "commonjs" }\n');
}

async function bundleLib(format: 'esm' | 'cjs', name: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['infra/index.ts'],
    outfile: `dist/lib/${name}`,
    bundle: true,
    packages: 'external',
    format,
    platform: 'node',
    target: 'node22',
    ...(format === 'cjs' && {
      define: { 'import.meta.url': 'fileUrl' },
      banner: { js: "const fileUrl = require('node:url').pathToFileURL(__filename).href;" },
    }),
    logLevel: 'warning',
  });
}

/** Puts documented fields in place of the type that the declarations infer, which editors show without descriptions. */
function documentSettings(): void {
  const file = join(ROOT, 'dist/lib/types/lambda/settings/schema.d.ts');
  const inferred = 'export type SettingsInput = z.input<ReturnType<typeof settingsFields>>;';
  const declarations = readFileSync(file, 'utf8');
  if (!declarations.includes(inferred)) throw new Error(`${file} has no "${inferred}"`);
  writeFileSync(
    file,
    declarations.replace(inferred, () => settingsInterface()),
  );
}

/** Writes only what changed, and at once: a synth or a test that runs beside it never sees half a file. */
function replace(file: string, contents: Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  try {
    if (readFileSync(file).equals(contents)) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const partial = join(ROOT, `dist/${process.pid}.partial`);
  writeFileSync(partial, contents);
  renameSync(partial, file);
}

const TARGETS = ['lambda', 'cli', 'lib', 'sbom', 'all'];

if (import.meta.main) {
  const target = process.argv[2] ?? '';
  if (!TARGETS.includes(target)) {
    console.error(`usage: node build.ts ${TARGETS.join(' | ')}`);
    process.exit(2);
  }
  const wanted = (...targets: string[]) => target === 'all' || targets.includes(target);
  if (wanted('lambda', 'sbom')) {
    const bundle = await buildLambda();
    if (wanted('sbom')) writeSbom(SBOM, bundle);
  }
  if (wanted('cli')) await buildCli();
  if (wanted('lib')) await buildLib();
  if (target === 'sbom') console.log(relative(process.cwd(), SBOM));
}
