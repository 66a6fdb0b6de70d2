import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { billOfMaterials } from './sbom.ts';

const ROOT = import.meta.dirname;
const BUNDLE = join(ROOT, 'dist/lambda/index.mjs');
const METAFILE = join(ROOT, '.cache/lambda-metafile.json');
const SBOM = join(ROOT, 'dist/sbom.cdx.json');

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

export interface Bundle {
  readonly contents: Uint8Array;
  /** What it is made of; paths are relative to the root of the project. */
  readonly metafile: Metafile;
}

/** Bundles the function of the project in `root`. The same sources give the same bytes, wherever they lie. */
export async function bundleLambda(root: string = ROOT): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['lambda/handler.ts'],
    outfile: 'dist/lambda/index.mjs',
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
    plugins: [withoutKubeConfig],
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const [file] = outputFiles;
  if (!file) throw new Error('esbuild made no bundle');
  return { contents: file.contents, metafile };
}

/**
 * Writes the function's bundle to `dist/lambda/index.mjs`, alone in its folder as that is the asset, and what it
 * is made of to `.cache/lambda-metafile.json`.
 */
export async function buildLambda(): Promise<Bundle> {
  const bundle = await bundleLambda();
  mkdirSync(dirname(METAFILE), { recursive: true });
  writeFileSync(METAFILE, JSON.stringify(bundle.metafile));
  replace(BUNDLE, bundle.contents);
  return bundle;
}

/** Writes the bundle's bill of materials to `dist/sbom.cdx.json`. */
function writeSbom({ contents, metafile }: Bundle): void {
  replace(SBOM, Buffer.from(billOfMaterials(ROOT, metafile, contents)));
}

/** Compiles the construct and what it imports to JavaScript and declarations in `dist/lib`. */
export function buildLib(): void {
  rmSync(join(ROOT, 'dist/lib'), { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'infra/tsconfig.build.json'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`tsc ended with ${status}`);
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

if (import.meta.main) {
  const target = process.argv[2];
  if (target !== 'lambda' && target !== 'lib' && target !== 'sbom' && target !== 'all') {
    console.error('usage: node build.ts lambda | lib | sbom | all');
    process.exit(2);
  }
  if (target !== 'lib') {
    const bundle = await buildLambda();
    if (target !== 'lambda') writeSbom(bundle);
  }
  if (target === 'lib' || target === 'all') buildLib();
  if (target === 'sbom') console.log(relative(process.cwd(), SBOM));
}
