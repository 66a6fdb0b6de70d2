import type { PatchTimes } from '../e2e/function/patch-times.ts';
import { type Line, line, median } from './table.ts';

/** What one run took; the CPU time is that of its own process. */
export interface Run {
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly patchMs: PatchTimes;
}

/** One run of each, one right after the other. */
export interface Pair {
  readonly raw: Run;
  readonly handler: Run;
}

/** What the benchmark has measured. */
export interface Figures {
  readonly namespaces: number;
  readonly concurrency: number;
  readonly pairs: readonly Pair[];
  /** Requests and sessions of one run of the handler. */
  readonly patches: number;
  readonly lists: number;
  readonly tlsSessions: number;
  readonly bundleBytes: number;
  /** Of each run of the handler. */
  readonly importMs: readonly number[];
}

const PAGE_SIZE = 500;
const MOST_BUNDLE_BYTES = 2.6e6;

/** Names and outcomes take memory; what a cold process has to do first weighs less in a longer run. */
function targetsOf(namespaces: number): { ratio: number; peakBytes: number } {
  return namespaces < 10_000 ? { ratio: 0.8, peakBytes: 220e6 } : { ratio: 0.9, peakBytes: 256e6 };
}

/** Judges the figures by the targets of the product. */
export function judge(figures: Figures): Line[] {
  const { namespaces, concurrency, pairs, patches, lists, tlsSessions, bundleBytes, importMs } = figures;
  const raws = pairs.map(({ raw }) => raw);
  const handlers = pairs.map(({ handler }) => handler);
  const rate = (runs: readonly Run[]) => {
    const seconds = median(runs.map(({ durationMs }) => durationMs)) / 1_000;
    return String(Math.round(namespaces / seconds));
  };
  const cpu = (runs: readonly Run[]) => {
    const ms = runs.map(({ cpuMs }) => cpuMs);
    return `${milliseconds(ms)}, ${(median(ms) / namespaces).toFixed(2)} ms a PATCH`;
  };
  const answered = (runs: readonly Run[]) => {
    const [p50, p99] = [runs.map(({ patchMs }) => patchMs.p50), runs.map(({ patchMs }) => patchMs.p99)];
    return `${median(p50).toFixed(1)} ms, ${median(p99).toFixed(1)} ms`;
  };
  const peak = (runs: readonly Run[]) => Math.max(...runs.map(({ peakBytes }) => peakBytes));
  const ratios = pairs.map(({ raw, handler }) => raw.durationMs / handler.durationMs);
  const ratio = median(ratios);
  const least = targetsOf(namespaces);
  const pages = Math.ceil(namespaces / PAGE_SIZE);
  return [
    line('PATCHes/s, raw loop', rate(raws)),
    line('PATCHes/s, handler', rate(handlers)),
    line(
      `ratio, median of ${pairs.length} pairs`,
      fixed(ratio),
      `at least ${fixed(least.ratio)}`,
      ratio >= least.ratio,
    ),
    line('ratio, of each pair', ratios.map(fixed).join(' ')),
    line('p50 and p99 of a PATCH, raw loop', answered(raws)),
    line('p50 and p99 of a PATCH, handler', answered(handlers)),
    line('CPU time, raw loop', cpu(raws)),
    line('CPU time, handler', cpu(handlers)),
    line(
      'PATCH requests',
      String(patches),
      `${namespaces + 1}, 1 a namespace and 1 that tries the policy`,
      patches === namespaces + 1,
    ),
    line('list requests', String(lists), `${pages}, 1 for ${PAGE_SIZE}`, lists === pages),
    line('TLS sessions', String(tlsSessions), `at most ${concurrency}`, tlsSessions <= concurrency),
    line('peak memory, raw loop', megabytes(peak(raws))),
    line(
      'peak memory, handler',
      megabytes(peak(handlers)),
      `under ${megabytes(least.peakBytes)}`,
      peak(handlers) < least.peakBytes,
    ),
    line('bundle', megabytes(bundleBytes), 'under 2.6 MB', bundleBytes < MOST_BUNDLE_BYTES),
    line(`import, median of ${importMs.length} processes`, milliseconds(importMs)),
  ];
}

function fixed(ratio: number): string {
  return ratio.toFixed(2);
}

function milliseconds(values: readonly number[]): string {
  return `${Math.round(median(values))} ms`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}
