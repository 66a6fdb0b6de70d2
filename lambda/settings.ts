import { SettingsError } from './errors.ts';
import { explain } from './schema.ts';
import { type Settings, settingsFields } from './settings-fields.ts';
import { checkTogether } from './settings-rules.ts';

export {
  type ClusterSettings,
  clusterId,
  type EcrRegistry,
  type RegistrySettings,
  type SecretEntry,
  type Settings,
  type SettingsInput,
  type StoredRegistry,
} from './settings-fields.ts';

/**
 * The schema of the settings. Its patterns are checked but where `exempt` says that a text is not known
 * yet (a CDK token); the function itself exempts nothing.
 */
export function settingsSchema(exempt: (value: string) => boolean = () => false) {
  return settingsFields(exempt).superRefine(checkTogether);
}

/**
 * Checks settings that were read already.
 * @throws SettingsError naming each wrong field, what is allowed and what was found
 */
export function checkSettings(input: unknown, exempt?: (value: string) => boolean): Settings {
  const checked = settingsSchema(exempt).safeParse(input, { reportInput: true });
  if (!checked.success) throw new SettingsError(explain(checked.error));
  return checked.data;
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
