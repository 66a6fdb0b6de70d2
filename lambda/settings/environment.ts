import { SettingsError } from '../errors.ts';
import type { SettingsInput } from './schema.ts';

/** The settings travel in the function's environment, whose 4 KB hold other variables too. */
export const LARGEST_SETTINGS_BYTES = 3500;

/** What only the deployment needs. */
const OF_DEPLOYMENT = /^(alarm.*|tags|logRetentionDays|kmsKeyArn|permissionsBoundary|stateMachineLogs)$/;

/** The settings that the function gets in its environment. */
export function functionSettings(input: SettingsInput): object {
  return Object.fromEntries(Object.entries(input).filter(([field]) => !OF_DEPLOYMENT.test(field)));
}

/**
 * Checks that settings fit in the function's environment.
 * @returns the size there in bytes
 * @throws SettingsError with that size
 */
export function checkSize(input: SettingsInput): number {
  // Lambda counts the variables as JSON, in which each quote of the settings takes two bytes
  const bytes = Buffer.byteLength(JSON.stringify(JSON.stringify(functionSettings(input))));
  if (bytes <= LARGEST_SETTINGS_BYTES) return bytes;
  throw new SettingsError(
    `they take ${bytes} bytes, and ${LARGEST_SETTINGS_BYTES} fit in the function's environment; use globs, or several deployments`,
  );
}
