import type { Command } from 'commander';
import { checkSettings, checkSize, LARGEST_SETTINGS_BYTES, type SettingsInput } from '../../settings.ts';
import { examples } from '../examples.ts';
import { readSettingsFile } from '../settings-file.ts';
import { settingsJsonSchema } from '../settings-schema.ts';
import { settingsView } from '../views/settings-view.ts';

/** `settings check` and `settings schema`. */
export function addSettings(program: Command): void {
  const settings = program
    .command('settings')
    .description('checks a file of settings, or prints their schema');
  settings
    .command('check')
    .argument('<file>', 'the settings')
    .description('says what is wrong in a file of settings, or what they mean')
    .option('--json', 'print them with the defaults filled in, as JSON')
    .addHelpText('after', examples(['settings check settings.json', 'exit code 1 if something is wrong']))
    .action((file: string, { json }: { json?: true }) => {
      const input = readSettingsFile(file);
      const checked = checkSettings(input);
      const bytes = checkSize(input as SettingsInput);
      const shown = json
        ? JSON.stringify(checked, null, 2)
        : settingsView(checked, bytes, LARGEST_SETTINGS_BYTES);
      process.stdout.write(`${shown}\n`);
    });
  settings
    .command('schema')
    .description('prints the JSON Schema of the settings, for editors')
    .addHelpText('after', examples(['settings schema > settings.schema.json', 'to name in "$schema"']))
    .action(() => {
      process.stdout.write(`${JSON.stringify(settingsJsonSchema(), null, 2)}\n`);
    });
}
