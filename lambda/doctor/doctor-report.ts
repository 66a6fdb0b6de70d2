/** What was looked at, in the order of the way: each step stands on those before it. */
export const STEPS = [
  'settings',
  'identity',
  'schedule',
  'token',
  'registry',
  'pull',
  'new namespaces',
  'cluster',
  'bearer token',
  'endpoint',
  'authentication',
  'right',
  'admission policy',
  'namespaces',
  'apply',
] as const;
export type Step = (typeof STEPS)[number];

/** One thing that was looked at. */
export interface Finding {
  readonly step: Step;
  /** What it is about, as a person would name it: a registry's host, `cluster prod`, `patch secrets/ecr-docker-creds`. */
  readonly object: string;
  readonly result: 'pass' | 'fail' | 'unknown';
  /** What was seen; of a pass too, where it is worth knowing. */
  readonly reason?: string;
  /** What to do, with the command that mends it; of a failure always. */
  readonly remedy?: string;
}

/** What `doctor` answers. `ok`: nothing failed. */
export interface DoctorReport {
  readonly ok: boolean;
  readonly action: 'doctor';
  readonly startedAt: string;
  readonly durationMs: number;
  /** Whose rights were tested: an ARN. */
  readonly identity?: string;
  readonly findings: readonly Finding[];
}
