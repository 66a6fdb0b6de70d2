/** How a person started this: by the script of the project, or by the package's bin. */
export const invokedAs =
  process.env.npm_lifecycle_event === 'cli' ? 'npm run -s cli --' : 'ecr-registry-helper';

/** The examples under the help of a command. */
export function examples(...lines: readonly (readonly [args: string, meaning: string])[]): string {
  const width = Math.max(...lines.map(([args]) => args.length));
  const shown = lines.map(([args, meaning]) => `  $ ${invokedAs} ${args.padEnd(width)}  # ${meaning}`);
  return `\nExamples:\n${shown.join('\n')}`;
}
