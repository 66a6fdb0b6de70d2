import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import { statements, verdictOnUnknown } from './iam.ts';
import { resource, synth } from './synth.ts';

const edge = (name: string, webIdentity = {}) => ({
  name,
  server: `https://${name}.example.com`,
  publicCertificate: true,
  webIdentity,
});
const SETTINGS: SettingsInput = {
  clusters: [edge('edge'), edge('far', { audience: 'far.example.com' })],
};
const { template } = synth(() => ({ settings: SETTINGS }));

describe('the role of a function with clusters by web identity', () => {
  const ask = (context: Record<string, string>) =>
    verdictOnUnknown(statements(template), { action: 'sts:GetWebIdentityToken', resource: '*', context });
  const usual = {
    'sts:IdentityTokenAudience': 'ecr-registry-helper/edge',
    'sts:SigningAlgorithm': 'ES384',
    'sts:DurationSeconds': '900',
  };

  it.each([
    ['as the function requests them', {}, 'allowed'],
    ['of the other cluster', { 'sts:IdentityTokenAudience': 'far.example.com' }, 'allowed'],
    ['that live shorter', { 'sts:DurationSeconds': '300' }, 'allowed'],
    ['for another audience', { 'sts:IdentityTokenAudience': 'other' }, 'not allowed'],
    ['that live longer', { 'sts:DurationSeconds': '901' }, 'not allowed'],
    ['by another algorithm', { 'sts:SigningAlgorithm': 'RS256' }, 'not allowed'],
  ] as const)('gets tokens %s: %o is %s', (_, changed, verdict) => {
    expect(ask({ ...usual, ...changed })).toBe(verdict);
  });

  it('has a name that stays, as the clusters trust its ARN', () => {
    const { RoleName } = resource(template, 'AWS::IAM::Role', 'HelperRole').properties;
    expect(RoleName).toBe('ecr-registry-helper-eu-west-1');
  });

  it('gets no such permission, and no fixed name, without such clusters', () => {
    const { template: plain } = synth(() => ({ settings: { clusters: [{ name: 'demo' }] } }));
    expect(JSON.stringify(statements(plain))).not.toContain('GetWebIdentityToken');
    expect(resource(plain, 'AWS::IAM::Role', 'HelperRole').properties.RoleName).toBeUndefined();
  });
});
