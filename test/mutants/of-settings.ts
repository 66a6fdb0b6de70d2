import type { Mutant } from './mutate.ts';

/** Defects of the validation of settings. */
export const ofSettings: readonly Mutant[] = [
  {
    name: 'take names with an empty label',
    in: 'LABELS',
    replace: '(?:\\\\.$',
    by: '(?:[.]+$',
    harm: 'a secret that the API server refuses fails every run of every namespace',
    caughtBy: ['test/unit/settings/names.test.ts'],
  },
  {
    name: 'take any prefix of a label key',
    in: 'isLabelKey',
    replace: 'SUBDOMAIN.test(prefix)',
    by: "prefix !== ''",
    harm: 'an entry whose selector the API server refuses fails in every run',
    caughtBy: ['test/unit/settings/selector.test.ts'],
  },
  {
    name: 'take a selector of any length apart',
    in: 'parseSelector',
    remove: 'LONGEST_SELECTOR',
    harm: 'hostile settings hold up a synth',
    caughtBy: ['test/unit/settings/selector.test.ts'],
  },
  {
    name: 'take two registries of one host',
    in: 'checkRegistries',
    replace: 'taken.set(one, earlier)',
    by: 'taken.delete(one)',
    harm: 'the entry fails in every run',
    caughtBy: ['test/unit/settings/registries.test.ts'],
  },
  {
    name: 'forget where the stack is',
    in: 'checkSettings',
    remove: 'home',
    harm: 'two registries of one host are refused in every run only',
    caughtBy: ['test/unit/settings/registries.test.ts'],
  },
  {
    name: 'find only what equal text shadows',
    in: 'containsGlob',
    set: 'return',
    to: 'glob === other',
    harm: 'the team of an entry that comes too late gets the wide token',
    caughtBy: ['test/unit/settings/shadows.test.ts'],
  },
  {
    name: 'refuse an entry of what an earlier one excludes',
    in: 'takesNamespaces',
    replace: '!left.some((other) => overlap(other, glob))',
    by: 'left.length > 0',
    harm: 'settings that are right cannot be deployed',
    caughtBy: ['test/unit/settings/shadows.test.ts'],
  },
  {
    name: 'take a range of weekdays for all',
    in: 'isEvery',
    replace: 'found.filter((value) => value >= from).length === last - from + 1',
    by: 'found.length > 1',
    harm: 'tokens end over the weekend',
    caughtBy: ['test/unit/settings/schedule.test.ts'],
  },
];
