import { releaseOf, VERSIONS } from './control-plane/versions.ts';

/** The versions that `--kubernetes` names, oldest first, or undefined without it; `rest` are the other arguments. */
export interface VersionsOption {
  readonly versions?: readonly string[];
  readonly rest: readonly string[];
}

const NAME = '--kubernetes';

/**
 * Reads `--kubernetes 1.33`, `--kubernetes 1.30,1.33` or `--kubernetes all` out of the arguments of `npm run test:e2e`.
 * @throws {Error} if a version is missing or unknown.
 */
export function readVersions(args: readonly string[]): VersionsOption {
  const at = args.findIndex((arg) => arg === NAME || arg.startsWith(`${NAME}=`));
  if (at === -1) return { rest: args };
  const isApart = args[at] === NAME;
  const value = isApart ? args[at + 1] : args[at]?.slice(NAME.length + 1);
  if (!value || value.startsWith('-')) {
    throw new Error(
      `${NAME} needs a version, several with commas between them, or all: ${VERSIONS.join(', ')}`,
    );
  }
  const named = value === 'all' ? VERSIONS : value.split(',');
  for (const version of named) releaseOf(version);
  return {
    versions: VERSIONS.filter((version) => named.includes(version)),
    rest: args.toSpliced(at, isApart ? 2 : 1),
  };
}
