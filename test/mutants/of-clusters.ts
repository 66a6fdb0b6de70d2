import type { Mutant } from './mutate.ts';

/** Defects of what signs in to a cluster, finds its namespaces and says what may be done there. */
export const ofClusters: readonly Mutant[] = [
  {
    name: 'sign in by the function’s own role',
    file: 'lambda/cluster/open.ts',
    find: 'const eks = aws.eks(region, { roleArn, externalId });',
    replace: 'const eks = aws.eks(region, {});',
    harm: 'no cluster of another account is found',
    caughtBy: ['test/integration/clusters.test.ts'],
  },
  {
    name: 'reuse an expired signature',
    file: 'lambda/cluster/token.ts',
    find: 'const RENEW_AFTER_MS = 13 * 60_000;',
    replace: 'const RENEW_AFTER_MS = 60 * 60_000;',
    harm: 'writes late in a long run are refused',
    caughtBy: ['test/unit/cluster/token.test.ts', 'test/integration/writes.test.ts'],
  },
  {
    name: 'keep a signature that was refused',
    file: 'lambda/cluster/token.ts',
    find: `    this.#signed = undefined;
    this.#signing = undefined;`,
    replace: '    this.#signed = undefined;',
    harm: 'one refused signature fails the rest of the cluster',
    caughtBy: ['test/unit/cluster/token.test.ts'],
  },
  {
    name: 'hold any answer',
    file: 'lambda/cluster/exchange.ts',
    find: 'bytes > LONGEST_ANSWER',
    replace: 'bytes < 0',
    harm: 'what stands in place of an API server takes all memory, and with it the other clusters',
    caughtBy: ['test/integration/lists.test.ts'],
  },
  {
    name: 'first match loses',
    file: 'lambda/cluster/targets.ts',
    find: 'if (claimed.has(claim)) continue;',
    replace: '',
    harm: 'two entries write one secret by turns',
    caughtBy: ['test/integration/entries.test.ts'],
  },
  {
    name: 'an entry that matches nothing is ok',
    file: 'lambda/cluster/targets.ts',
    find: 'if (found.size === 0 && missing.length === 0)',
    replace: 'if (found.size < 0)',
    harm: 'a typo looks like success until pods cannot pull',
    caughtBy: ['test/integration/entries.test.ts'],
  },
  {
    name: 'a named namespace may be missing',
    file: 'lambda/cluster/targets.ts',
    find: 'else tell(told);',
    replace: '',
    harm: 'a typo looks like success until pods cannot pull',
    caughtBy: ['test/integration/entries.test.ts'],
  },
  {
    name: 'an earlier expiry over a later one',
    file: 'lambda/cluster/rights.ts',
    find: ') >= timestamp(',
    replace: ') <= timestamp(',
    harm: 'the slower of two runs puts the older token back',
    caughtBy: ['test/unit/cluster/admission-policy.test.ts'],
  },
  {
    name: 'bound no type of secret',
    file: 'lambda/cluster/rights.ts',
    find: "object.type == '",
    replace: "object.type != '' || object.type == '",
    harm: 'whoever holds the role can read back the token of any service account',
    caughtBy: ['test/unit/cluster/admission-policy.test.ts'],
  },
  {
    name: 'drop the last page',
    file: 'lambda/cluster/pages.ts',
    find: 'next = page.metadata?._continue || undefined;',
    replace: `const isFirst = next === '';
      next = page.metadata?._continue || undefined;
      if (next === undefined && !isFirst) return;`,
    harm: 'the namespaces that come last lose their secret after twelve hours',
    caughtBy: ['test/integration/lists.test.ts', 'test/integration/refresh.test.ts'],
  },
  {
    name: 'begin a list again for ever',
    file: 'lambda/cluster/pages.ts',
    find: '      restarts += 1;\n',
    replace: '',
    harm: 'a list that always expires takes the whole run',
    caughtBy: ['test/integration/lists.test.ts'],
  },
  {
    name: 'write what asks to be ignored',
    file: 'lambda/cluster/namespaces.ts',
    find: "metadata?.labels?.[IGNORE_LABEL] === 'true'",
    replace: "metadata?.labels?.[IGNORE_LABEL] === 'yes'",
    harm: 'the owner of a namespace cannot keep the secret out',
    caughtBy: ['test/integration/entries.test.ts'],
  },
];
