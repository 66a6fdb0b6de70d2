import { neverDisagree } from './agreement.ts';
import { namesWhoDenies } from './denials.ts';
import { endedInTime } from './ended.ts';
import { changedNothingGood } from './good-secrets.ts';
import { failuresStayApart } from './isolation.ts';
import { alarmsOfNoPolicy } from './policies.ts';
import { recovers } from './recovery.ts';
import { writesNothingTwice } from './retries.ts';
import { showsNoSecret } from './shown.ts';
import { statusIsRight } from './statuses.ts';
import { reportsTheTruth } from './truth.ts';
import type { Witness } from './witness.ts';

/** Says what is wrong, each in one line; nothing when the invariant holds. */
export type Invariant = (witness: Witness) => string[];

/** What holds after every schedule. */
export const invariants: Readonly<Record<string, Invariant>> = {
  'a good secret is never lost or made worse': changedNothingGood,
  'one failure stops no other refresh': failuresStayApart,
  'the report is the truth': reportsTheTruth,
  'it ends in time and leaves nothing behind': endedInTime,
  'no output shows a secret': showsNoSecret,
  'the next run makes everything fresh': recovers,
  'who denies is named': namesWhoDenies,
  'a retry writes nothing twice': writesNothingTwice,
  'nobody is alarmed of a policy that is in force': alarmsOfNoPolicy,
  'status, plan and refresh agree': neverDisagree,
  'status is right of what it finds': statusIsRight,
};
