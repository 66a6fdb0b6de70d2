import { inspect } from 'node:util';
import { findSecrets } from '../sandbox/aws/canary.ts';
import type { Captured } from './capture.ts';

/**
 * Gives a run back once all that anybody gets to see of it was searched: what it wrote, answered and threw,
 * in every form.
 * @throws {Error} when it shows a secret of the emulated AWS
 */
export function searched<Value>(run: Captured<Value>): Captured<Value> {
  const { value, error, output } = run;
  const forms = [output, JSON.stringify(value), inspect(value, { depth: null })];
  for (
    let fault: unknown = error;
    fault !== undefined;
    fault = fault instanceof Error ? fault.cause : undefined
  ) {
    forms.push(String(fault), inspect(fault, { depth: null, showHidden: true }));
    if (fault instanceof Error)
      forms.push(JSON.stringify(fault, [...Object.getOwnPropertyNames(fault), 'cause']));
  }
  const found = findSecrets(forms.join('\n'));
  if (found.length > 0)
    throw new Error(`a run shows ${found.length} secrets, such as what begins with ${found[0]}`);
  return run;
}
