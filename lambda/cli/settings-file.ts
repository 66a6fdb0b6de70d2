import { readFileSync } from 'node:fs';
import { SettingsError } from '../errors.ts';

/**
 * Reads a file of settings as it was written, unchecked.
 * @throws SettingsError when it cannot be read or is not JSON
 */
export function readSettingsFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0];
    throw new SettingsError(`${file} is not JSON${place ? ` ${place}` : ''}`);
  }
}
