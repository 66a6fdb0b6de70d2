import { findSecrets } from '../sandbox/aws/canary.ts';
import type { Witness } from './witness.ts';

/** What an error of JSON.parse shows of what it could not read. */
const SHORTEST = 10;
const RUN_OF_CHARACTERS = /[\w+/=%-]{10,}/g;

/** No secret material in any output, also not a piece of it, in base64 or URL-encoded. */
export function showsNoSecret({ troubled, retry, after, secrets }: Witness): string[] {
  const shown = [troubled, retry, after].map((phase) => phase?.shown ?? '').join('\n');
  const forms = secrets.flatMap(formsOf).join('\n');
  const runs = new Set(shown.match(RUN_OF_CHARACTERS));
  const pieces = [...runs].filter(
    (run) => forms.includes(run.slice(0, SHORTEST)) || forms.includes(run.slice(-SHORTEST)),
  );
  return [
    ...findSecrets(shown).map((mark) => `what is shown holds ${mark}`),
    ...pieces.map((piece) => `what is shown holds a piece of a secret: ${piece}`),
  ];
}

/** A secret as it is, in base64 at all three alignments, and URL-encoded. */
function formsOf(secret: string): string[] {
  const encoded = [0, 1, 2].map((shift) => Buffer.from('\0'.repeat(shift) + secret).toString('base64'));
  return [secret, ...encoded, encodeURIComponent(secret)];
}
