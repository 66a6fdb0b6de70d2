import { Console } from 'node:console';
import { Writable } from 'node:stream';

/** How a piece of work ended, and all that this process wrote meanwhile. */
export type Captured<Value> = { readonly output: string } & (
  | { readonly value: Value; readonly error?: never }
  | { readonly value?: never; readonly error: unknown }
);

/**
 * Runs `work` with just these AWS, SETTINGS, RULE_NAME and DEPLOYED_BY variables, and keeps what it writes to stdout, stderr and the
 * console. Does not throw what `work` throws.
 */
export async function captured<Value>(
  env: Record<string, string>,
  work: () => Promise<Value>,
): Promise<Captured<Value>> {
  const before = { env: process.env, console: globalThis.console };
  const streams = [process.stdout, process.stderr] as const;
  const writes = streams.map((stream) => stream.write);
  const written: string[] = [];
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      written.push(String(chunk));
      done();
    },
  });
  const isOthers = ([name]: [string, unknown]) => !/^(AWS_|SETTINGS(_PATH)?$|RULE_NAME$)/.test(name);
  process.env = { ...Object.fromEntries(Object.entries(before.env).filter(isOthers)), ...env };
  globalThis.console = new Console(sink, sink);
  for (const stream of streams) stream.write = sink.write.bind(sink) as typeof stream.write;
  try {
    const value = await work();
    return { value, output: written.join('') };
  } catch (error) {
    return { error, output: written.join('') };
  } finally {
    for (const [at, stream] of streams.entries()) if (writes[at]) stream.write = writes[at];
    globalThis.console = before.console;
    process.env = before.env;
  }
}
