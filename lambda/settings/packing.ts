import { createHash } from 'node:crypto';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { SettingsError } from '../errors.ts';
import type { SettingsInput } from './schema.ts';

/** The environment of a function has 4 KB, for other variables too. Longer settings go to SSM parameters. */
export const LARGEST_IN_ENVIRONMENT = 3_500;
/** Of a standard parameter, which is free: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html */
const LONGEST_PARAMETER = 4_096;
/** A template has 1 MB and 500 resources, for all else too. */
const MOST_PARAMETERS = 180;
/** When they are unpacked, in bytes. */
const LARGEST_SETTINGS = 4 * 1024 * 1024;

/** What only the deployment needs. */
const OF_DEPLOYMENT = /^(alarm.*|tags|logRetentionDays|kmsKeyArn|permissionsBoundary|stateMachineLogs)$/;

/** The settings that the function gets. */
export function functionSettings(input: SettingsInput): object {
  return Object.fromEntries(Object.entries(input).filter(([field]) => !OF_DEPLOYMENT.test(field)));
}

/** What settings take in the environment of the function, in bytes. */
export function sizeInEnvironment(settings: object): number {
  // Lambda counts the variables as JSON, in which each quote of the settings takes two bytes
  return Buffer.byteLength(JSON.stringify(JSON.stringify(settings)));
}

/** Where the function gets settings from, for a person. @throws as {@link packSettings} */
export function describeSize(settings: object, name: string): string {
  const size = sizeInEnvironment(settings);
  if (size <= LARGEST_IN_ENVIRONMENT) return `${size} of ${LARGEST_IN_ENVIRONMENT} bytes`;
  return `${size} bytes, in SSM parameters (${packSettings(settings, name).values.length})`;
}

/** SSM parameters with settings. */
export interface PackedSettings {
  /** Other settings have another one: a function never reads those of two deployments. */
  readonly path: string;
  /** Of the parameters under it, in the order of their names. */
  readonly values: readonly string[];
}

/**
 * Compresses settings into SSM parameters.
 * @param name of the deployment
 * @throws SettingsError where they take too many
 */
export function packSettings(settings: object, name: string): PackedSettings {
  const json = JSON.stringify(settings);
  const text = brotliCompressSync(json).toString('base64');
  const most = MOST_PARAMETERS * LONGEST_PARAMETER;
  if (text.length > most || json.length > LARGEST_SETTINGS) {
    throw new SettingsError(
      `they take ${text.length} bytes compressed, and ${most} fit in SSM parameters; use several deployments`,
    );
  }
  const hash = createHash('sha256').update(json).digest('hex').slice(0, 16);
  return {
    path: `/ecr-registry-helper/${name}/${hash}`,
    values: text.match(new RegExp(`.{1,${LONGEST_PARAMETER}}`, 'g')) ?? [],
  };
}

/** The name of a parameter, by which they are sorted. @param at from 0 */
export function parameterName(path: string, at: number): string {
  return `${path}/${String(at + 1).padStart(3, '0')}`;
}

/**
 * Unpacks the JSON text of settings, which {@link packSettings} put into SSM parameters.
 * @param parameters all under one path, in any order
 * @throws an error of zlib where one is missing or changed
 */
export function unpackSettings(
  parameters: readonly Partial<Record<'Name' | 'Value', string | undefined>>[],
): string {
  const sorted = parameters.toSorted((one, other) => ((one.Name ?? '') < (other.Name ?? '') ? -1 : 1));
  const packed = Buffer.from(sorted.map(({ Value = '' }) => Value).join(''), 'base64');
  return brotliDecompressSync(packed, { maxOutputLength: LARGEST_SETTINGS }).toString('utf8');
}
