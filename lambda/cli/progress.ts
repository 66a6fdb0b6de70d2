import yoctoSpinner from 'yocto-spinner';

/**
 * Says on stderr what is waited for: on a terminal with the seconds that it takes, elsewhere in one plain line.
 * @param leftBehind what a person who interrupts it has to know
 */
export async function withProgress<Value>(
  text: string,
  leftBehind: string,
  work: () => Promise<Value>,
): Promise<Value> {
  const { stderr, env } = process;
  const animated = stderr.isTTY && env.TERM !== 'dumb' && !('CI' in env);
  const spinner = animated ? yoctoSpinner({ text, stream: stderr, handleSignals: false }) : undefined;
  const interrupted = () => {
    spinner?.stop();
    stderr.write(`interrupted; ${leftBehind}\n`);
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  if (spinner) spinner.start();
  else stderr.write(`${text}\n`);
  const startedAt = performance.now();
  const seconds = setInterval(() => {
    if (spinner) spinner.text = `${text} (${Math.round((performance.now() - startedAt) / 1_000)} s)`;
  }, 1_000);
  try {
    return await work();
  } finally {
    process.off('SIGINT', interrupted);
    clearInterval(seconds);
    spinner?.stop();
  }
}
