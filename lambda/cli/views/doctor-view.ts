import type { DoctorReport, Finding } from '../../doctor/doctor-report.ts';
import { duration } from './durations.ts';
import { paint, paragraphs, remedies, type Style, table } from './table.ts';
import { verdict } from './verdict.ts';

const STYLES: Readonly<Record<Finding['result'], Style>> = {
  pass: 'green',
  fail: 'red',
  unknown: 'yellow',
};

/** What was found on the whole way, for people. */
export function doctorView({ ok, durationMs, identity, findings }: DoctorReport): string {
  return paragraphs(
    `${verdict(ok)}: doctor, in ${duration(durationMs)}${identity ? `, as ${identity}` : ''}`,
    table(
      ['RESULT', 'STEP', 'OBJECT', 'WHAT WAS SEEN'],
      findings.map(({ result, step, object, reason }) => [
        paint(STYLES[result], result),
        step,
        object,
        reason ?? '',
      ]),
    ),
    remedies(findings.map(({ object, remedy }) => ({ about: object, remedy }))),
  );
}
