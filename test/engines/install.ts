import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const cache = join(root, '.cache/engines');

/** Paths of the programs that nobody here wrote. */
export interface Engines {
  /** Python with LocalStack. */
  readonly python: string;
  /** AWS's client of Lambda's runtime API for Node.js. */
  readonly runtimeClient: string;
  /** JSONata for Java. */
  readonly jars: string;
}

/**
 * Installs the engines into `.cache/engines` where they are not there yet, from the registries of Python, npm and Maven.
 * @throws Error where Python 3.13, Java, Maven or what builds the native part of aws-lambda-ric is missing
 */
export async function installEngines(): Promise<Engines> {
  const localstack = join(import.meta.dirname, 'localstack');
  const requirements = join(localstack, 'requirements.txt');
  const venv = join(cache, 'venv');
  const python = join(venv, 'bin/python');
  await installOnce(requirements, venv, async () => {
    await call(process.env.ENGINES_PYTHON ?? 'python3.13', ['-m', 'venv', '--clear', venv]);
    await call(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements]);
  });
  const pom = join(localstack, 'pom.xml');
  const jars = join(cache, 'jars');
  await installOnce(pom, jars, () =>
    call('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`]),
  );
  const client = join(import.meta.dirname, 'runtime-client');
  const modules = join(cache, 'runtime-client');
  await installOnce(join(client, 'package-lock.json'), modules, async () => {
    await cp(client, modules, { recursive: true });
    await call('npm', ['ci', '--no-audit', '--no-fund'], modules);
  });
  return { python, jars, runtimeClient: join(modules, 'node_modules/aws-lambda-ric/index.mjs') };
}

/** Installs into a folder, again when the file that names the versions has changed. */
async function installOnce(versions: string, folder: string, install: () => Promise<void>): Promise<void> {
  const stamp = join(folder, 'installed-from');
  const wanted = await readFile(versions, 'utf8');
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return;
  console.log(`installing ${folder}, once; this takes minutes`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await install();
  await writeFile(`${stamp}.new`, wanted);
  await rename(`${stamp}.new`, stamp);
}

async function call(file: string, args: string[], cwd = dirname(cache)): Promise<void> {
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}`);
}
