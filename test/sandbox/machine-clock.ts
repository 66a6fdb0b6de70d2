/**
 * Moves the clock of this whole process on by so many milliseconds, so that eight hours pass in none; timers
 * keep running as before. Function, SDK and emulators all see it.
 */
export function advanceMachineClock(ms: number): void {
  const Machine = globalThis.Date;
  globalThis.Date = class extends Machine {
    constructor(...given: [] | [value: number | string | Date]) {
      if (given.length === 0) super(Machine.now() + ms);
      else super(...given);
    }

    static override now(): number {
      return Machine.now() + ms;
    }
  } as DateConstructor;
}
