/** Runs steps one after the other, and prints of each whether it passed, with its time. */
export class Steps {
  passed = 0;
  failed = 0;

  /** @param work returns what it has shown; a step that fails does not end the others */
  async run(name: string, work: () => Promise<string>): Promise<boolean> {
    const begin = performance.now();
    const seconds = () => `${((performance.now() - begin) / 1_000).toFixed(1).padStart(6)} s`;
    try {
      const shown = await work();
      this.passed += 1;
      console.log(`passed ${seconds()}  ${name}: ${shown}`);
      return true;
    } catch (fault) {
      this.failed += 1;
      console.log(`FAILED ${seconds()}  ${name}: ${fault instanceof Error ? fault.message : String(fault)}`);
      return false;
    }
  }
}

/** @throws Error with the text where the condition does not hold */
export function demand(condition: unknown, text: string): asserts condition {
  if (!condition) throw new Error(text);
}
