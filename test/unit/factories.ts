import type { ClusterReport, Report } from '../../lambda/refresh/report.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { Settings, SettingsInput } from '../../lambda/settings/schema.ts';

type EntryInput = Exclude<NonNullable<SettingsInput['secrets']>[number], { type: unknown }>;

/** Whole settings of one cluster called prod, but for what a test gives. */
export function settingsOf(given: Partial<SettingsInput> = {}): Settings {
  return checkSettings({ clusters: [{ name: 'prod' }], ...given });
}

/** One entry of `secrets` with its defaults. */
export function entryOf(given: EntryInput = {}): Settings['secrets'][number] {
  const [entry] = settingsOf({ secrets: [given] }).secrets;
  if (!entry) throw new Error('settings without an entry');
  return entry;
}

/** The report of a cluster in which nothing was to do, but for what a test gives. */
export function clusterReportOf(given: Partial<ClusterReport> = {}): ClusterReport {
  const counts = { created: 0, refreshed: 0, unchanged: 0, skipped: 0, blocked: 0, failed: 0 };
  return { id: 'prod', ok: true, durationMs: 7, problems: [], ...counts, ...given };
}

/** The report of a refresh of one cluster, but for what a test gives. */
export function reportOf(given: Partial<Report> = {}): Report {
  return {
    ok: true,
    action: 'refresh',
    startedAt: '2026-11-23T08:00:00.000Z',
    durationMs: 9,
    secrets: [],
    clusters: [clusterReportOf()],
    ...given,
  };
}
