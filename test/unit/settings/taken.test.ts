import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { clusterId } from '../../../lambda/settings/schema.ts';
import { examples } from './examples.ts';
import { problemOf, withCluster } from './inputs.ts';

describe('defaults', () => {
  test('the name of a cluster is enough', () => {
    expect(checkSettings({ clusters: [{ name: 'prod' }] })).toEqual({
      name: 'ecr-registry-helper',
      accessStacks: [],
      fleet: false,
      clusters: [{ name: 'prod' }],
      secrets: [
        {
          name: 'ecr-docker-creds',
          registries: [{ type: 'ecr', repositories: ['*'] }],
          namespaces: { include: ['*'], exclude: [] },
          clusters: ['*'],
          adoptFrom: ['kubectl-create'],
          recreate: false,
          serviceAccounts: [],
          injectPods: false,
          labels: {},
          annotations: {},
        },
      ],
      schedule: 'rate(8 hours)',
      enabled: true,
      cleanup: false,
      storedChanges: false,
      stateMachineLogs: false,
      concurrency: 16,
    });
  });

  test('two checks do not share an object', () => {
    const [one, other] = [1, 2].map(() => checkSettings({ clusters: [{ name: 'prod' }] }));
    one?.secrets[0]?.namespaces.include.push('changed');
    expect(other?.secrets[0]?.namespaces.include).toEqual(['*']);
  });

  test('a cluster without an id goes by its name', () => {
    expect(clusterId({ name: 'prod' })).toBe('prod');
    expect(clusterId({ name: 'prod', id: 'eu.prod' })).toBe('eu.prod');
  });
});

test.for(examples)('settings are taken: %s', ([, input]) => {
  expect(checkSettings(JSON.parse(JSON.stringify(input)))).toMatchObject(input);
});

test.for(['README.md', ...globSync('docs/**/*.md')])('the settings that %s shows are taken', (page) => {
  const shown = [...readFileSync(page, 'utf8').matchAll(/^```jsonc?\n(.*?)^```/gms)].map(
    ([, block]) => block ?? '',
  );
  const settings = shown.filter(
    (block) => block.includes('"clusters"') && !/"(?:startedAt|action)"/.test(block),
  );
  if (page === 'README.md') expect(settings.length).toBeGreaterThan(0);
  for (const block of settings) expect(() => checkSettings(JSON.parse(block))).not.toThrow();
});

describe('what is not known yet', () => {
  const token = `\${Token[AWS.AccountId.4]}`;
  const exempt = (value: string) => value === token;

  test('is taken unchecked at synth', () => {
    const input = { ...withCluster({ accountId: token }), schedule: token };
    expect(checkSettings(input, exempt)).toMatchObject(input);
  });

  test('is refused by the function', () => {
    expect(problemOf(withCluster({ accountId: token }))).toContain('is not an AWS account id');
  });
});
