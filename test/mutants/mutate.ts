import { type Declaration, findDeclarations } from './declarations.ts';
import { type Edit, edited } from './edit.ts';

/** A small deliberate defect of `lambda/` that shows that a test would find it. */
export type Mutant = Edit & {
  readonly name: string;
  /**
   * The declaration that it changes, such as `inRounds`, `Transport.send` or `MOST_IN_FLIGHT`. Of several of that name it
   * is the one that the edit fits; where it fits more, the base name of the file comes first: `cleanup: worstFirst`.
   */
  readonly in: string;
  /** The harm to those who run the function. */
  readonly harm: string;
  /** The test files that must find it, each by itself, or `SIMULATION`. */
  readonly caughtBy: readonly [string, ...string[]];
};

/** The simulation, in place of a test file. */
export const SIMULATION = 'test/simulation';

/** A mutant does not fit the code, so that the table is out of date. */
export class MutantOutdatedError extends Error {
  constructor(problem: string) {
    super(`${problem}; correct it in test/mutants`);
    this.name = 'MutantOutdatedError';
  }
}

/**
 * The one file that a mutant changes, and its text with the defect.
 * @param declarations all of the tree
 * @throws MutantOutdatedError
 */
export function mutated(
  declarations: readonly Declaration[],
  mutant: Mutant,
): { readonly file: string; readonly text: string } {
  const found = findDeclarations(declarations, mutant.in);
  const results = found.flatMap((one) => edited(one, mutant).map((text) => ({ file: one.file, text })));
  const [result] = results;
  if (result && results.length === 1) return result;
  const where = found.length > 0 ? found.map(({ file }) => file).join(', ') : 'no file of lambda/';
  throw new MutantOutdatedError(`it fits ${results.length} places in ${mutant.in} of ${where}`);
}
