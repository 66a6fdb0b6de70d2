import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = import.meta.dirname;
const BUNDLE = join(ROOT, 'dist/lambda/index.mjs');
const METAFILE = join(ROOT, '.cache/lambda-metafile.json');

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

/**
 * Bundles the function to `dist/lambda/index.mjs`, alone in its folder as that is the asset, and says in
 * `.cache/lambda-metafile.json` what it is made of. The same sources give the same bytes.
 */
export async function buildLambda(): Promise<void> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
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
  mkdirSync(dirname(METAFILE), { recursive: true });
  writeFileSync(METAFILE, JSON.stringify(metafile));
  for (const { contents } of outputFiles) replace(BUNDLE, contents);
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
  if (target !== 'lambda' && target !== 'lib' && target !== 'all') {
    console.error('usage: node build.ts lambda | lib | all');
    process.exit(2);
  }
  if (target !== 'lib') await buildLambda();
  if (target !== 'lambda') buildLib();
}
