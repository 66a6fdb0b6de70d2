import { assert, describe, expect, test } from 'vitest';
import { refuseOwnToken } from '../../../lambda/cli/run.ts';
import { type HelperError, hasCode } from '../../../lambda/errors.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';
import { roleArn, withEntry } from '../settings/inputs.ts';

const ecr = { type: 'ecr' } as const;
const cached = { ...ecr, pullThroughCache: ['hub'] };
const ecrPublic = { type: 'ecr-public' } as const;
const byRole = { ...ecr, region: 'us-east-1', roleArn };
const stored = { type: 'stored', secretId: 'hub' } as const;

function refusal(settings: SettingsInput): HelperError {
  try {
    refuseOwnToken(checkSettings(settings));
  } catch (error) {
    if (hasCode(error, 'OwnTokenError')) return error;
    throw error;
  }
  assert.fail('it was not refused');
}

/** The same settings with a role in each place that an error names. */
function withRoles(settings: object, { problem }: HelperError): unknown {
  const changed = structuredClone(settings) as { secrets: { registries?: object[] }[] };
  for (const [, entry, nth] of problem.matchAll(/secrets\[(\d)\]\.registries\[(\d)\]/g)) {
    const registries = changed.secrets[Number(entry)]?.registries ?? [];
    registries[Number(nth)] = { ...registries[Number(nth)], roleArn };
  }
  return changed;
}

test('refresh --local does not write the secret of an Argo CD repository, whatever its role', () => {
  const url = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/charts';
  const charts = { type: 'argocd-repository' as const, name: 'charts', namespace: 'argocd', url };
  const secrets = [{ ...charts, roleArn, clusters: ['*'] }];
  expect(refusal({ clusters: [{ name: 'prod' }], secrets })).toMatchObject({
    problem: expect.stringContaining('the Argo CD repository secret charts'),
    fix: 'Leave out --local: then the function writes it.',
  });
});

describe('what refresh --local advises of a token of one’s own', () => {
  test.for([
    ['ECR', { registries: [ecr] }, true],
    ['ECR beside what needs no advice', { registries: [ecr, byRole, stored] }, true],
    ['ECR of an entry with repositories', { repositories: ['team-a/*'], registries: [ecr] }, false],
    ['a pull-through cache', { registries: [cached] }, false],
    ['ECR Public', { registries: [ecrPublic] }, false],
    ['ECR and ECR Public', { registries: [ecr, ecrPublic] }, false],
  ] as const)('is taken by the settings: %s', ([, entry, mayHaveRole]) => {
    const settings = withEntry(entry) as SettingsInput;
    const error = refusal(settings);
    expect(error.fix.startsWith('Give the registry a roleArn')).toBe(mayHaveRole);
    expect(error.fix.toLowerCase()).toContain('leave out --local: then the function fetches it');
    const advised = withRoles(settings, error);
    if (mayHaveRole) expect(() => refuseOwnToken(checkSettings(advised))).not.toThrow();
    else expect(() => checkSettings(advised)).toThrow(/roleArn|pullThroughCache/);
  });
});
