import { assert } from 'vitest';
import { SettingsError } from '../../../lambda/errors.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { createAuthority } from '../../sandbox/certificates.ts';

export const roleArn = 'arn:aws:iam::444455556666:role/ecr-registry-helper';
export const kmsKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

/** The authority of an API server, as the settings have it. */
export const caData = Buffer.from((await createAuthority('edge')).certificatePem).toString('base64');

export const HOME = { accountId: '111122223333', region: 'eu-west-1' };
export const FAR = { accountId: '444455556666', region: 'eu-west-1' };

export function problemOf(input: unknown): string {
  try {
    checkSettings(input);
  } catch (error) {
    if (error instanceof SettingsError) return error.problem;
    throw error;
  }
  assert.fail('the settings were taken');
}

export const withEntry = (entry: unknown) => ({ clusters: [{ name: 'prod' }], secrets: [entry] });
export const withRegistry = (registry: unknown) => withEntry({ registries: [registry] });
export const withCluster = (cluster: object) => ({ clusters: [{ name: 'prod', ...cluster }] });
