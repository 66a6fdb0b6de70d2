import { SettingsError } from './errors.ts';
import { explain } from './schema.ts';
import { type Settings, type SettingsInput, settingsFields } from './settings/fields.ts';
import { checkTogether } from './settings/rules.ts';

export {
  type AccessStackSettings,
  type ClusterSettings,
  clusterId,
  type EcrRegistry,
  type RegistrySettings,
  type SecretEntry,
  type Settings,
  type SettingsInput,
  type StoredRegistry,
} from './settings/fields.ts';

/** The settings travel in the function's environment, of whose 4 KB the rest is for other variables. */
export const LARGEST_SETTINGS_BYTES = 3500;

/**
 * The schema of the settings. Its patterns are checked but where `exempt` says that a text is not known
 * yet (a CDK token); the function itself exempts nothing.
 */
export function settingsSchema(exempt: (value: string) => boolean = () => false) {
  return settingsFields(exempt).superRefine(checkTogether);
}

/** Made once, as a warm function reads its settings in every run. */
const ofKnownTexts = settingsSchema();

/**
 * Checks settings that were read already.
 * @throws SettingsError naming each wrong field, what is allowed and what was found
 */
export function checkSettings(input: unknown, exempt?: (value: string) => boolean): Settings {
  const checked = (exempt ? settingsSchema(exempt) : ofKnownTexts).safeParse(input, { reportInput: true });
  if (!checked.success) throw new SettingsError(explain(checked.error));
  return checked.data;
}

/**
 * Checks that settings fit in the function's environment.
 * @returns their size in bytes
 * @throws SettingsError with that size
 */
export function checkSize(input: SettingsInput): number {
  // Lambda counts the variables as JSON, in which each quote of the settings takes two bytes
  const bytes = Buffer.byteLength(JSON.stringify(JSON.stringify(input)));
  if (bytes <= LARGEST_SETTINGS_BYTES) return bytes;
  throw new SettingsError(
    `they take ${bytes} bytes, and ${LARGEST_SETTINGS_BYTES} fit in the function's environment; use globs, or several deployments`,
  );
}

/**
 * Reads the settings from the environment variable SETTINGS.
 * @throws SettingsError when it is missing, no JSON, or against the schema
 */
export function readSettings(environment: { SETTINGS?: string | undefined }): Settings {
  const { SETTINGS } = environment;
  if (!SETTINGS) throw new SettingsError('the environment variable SETTINGS is missing');
  let input: unknown;
  try {
    input = JSON.parse(SETTINGS);
  } catch {
    throw new SettingsError('the environment variable SETTINGS is not JSON');
  }
  return checkSettings(input);
}
