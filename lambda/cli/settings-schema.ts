import * as z from 'zod';
import { settingsSchema } from '../settings.ts';

/** The JSON Schema of the settings as they are written, for editors. */
export function settingsJsonSchema(): unknown {
  return z.toJSONSchema(settingsSchema(), { io: 'input' });
}
