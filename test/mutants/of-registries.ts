import { type Mutant, SIMULATION } from './mutate.ts';

/** Defects of what reads pull credentials. */
export const ofRegistries: readonly Mutant[] = [
  {
    name: 'write after a failed registry',
    file: 'lambda/registry/credentials.ts',
    find: `const parts = read.map((part) => {
      if (part.status === 'rejected') throw part.reason;
      return part.value;
    });`,
    replace: "const parts = read.flatMap((part) => (part.status === 'fulfilled' ? [part.value] : []));",
    harm: 'a good secret is replaced by one that opens fewer registries',
    caughtBy: ['test/integration/bad-input.test.ts', SIMULATION],
  },
  {
    name: 'token of one region for another',
    file: 'lambda/registry/credentials.ts',
    find: "[region, roleArn, keysSecretId, fips, dualStack].join(' ')",
    replace: "[roleArn, keysSecretId, fips, dualStack].join(' ')",
    harm: 'ECR refuses the pulls of the second region',
    caughtBy: ['test/integration/registries.test.ts'],
  },
  {
    name: 'date by the token that ends last',
    file: 'lambda/registry/credentials.ts',
    find: 'expiresAt: earliest(tokens.map((token) => token.expiresAt))',
    replace: 'expiresAt: new Date(Math.max(...tokens.map((token) => token.expiresAt.getTime())))',
    harm: 'a secret looks good while one of its tokens has ended',
    caughtBy: ['test/integration/registries.test.ts'],
  },
  {
    name: 'take a token that has expired',
    file: 'lambda/registry/ecr.ts',
    find: 'if (data.expiresAt <= fetchedAt)',
    replace: 'if (data.expiresAt.getTime() <= 0)',
    harm: 'a secret that worked is replaced by one that does not',
    caughtBy: ['test/unit/registry/ecr.test.ts', 'test/integration/bad-input.test.ts'],
  },
  {
    name: 'log the token',
    file: 'lambda/registry/ecr.ts',
    find: 'const [data] = await ask(client, region, signal);',
    replace: `const [data] = await ask(client, region, signal);
  console.info('ECR answered', data);`,
    harm: 'whoever reads the log can pull every image',
    caughtBy: ['test/integration/refresh.test.ts', SIMULATION],
  },
  {
    name: 'serialise what is redacted',
    file: 'lambda/redacted.ts',
    find: `toJSON(): string {
    return MASK;`,
    replace: `toJSON(): string {
    return this.#value;`,
    harm: 'the next object that somebody logs shows the token',
    caughtBy: ['test/unit/redacted.test.ts'],
  },
];
