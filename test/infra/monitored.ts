import type { Template } from 'aws-cdk-lib/assertions';
import { resource } from './synth.ts';

/** A metric as CloudWatch knows it: what it is called and exactly which dimensions it has. */
export interface Watched {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, unknown>>;
}

export interface Alarm {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation
  readonly properties: any;
  readonly metric: Watched;
}

interface CfnMetric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions: readonly { Name: string; Value: unknown }[];
}

/** The alarms of a template, each with the metric that it watches, be it by itself or in an expression. */
export function alarmsOf(template: Template): Alarm[] {
  return Object.entries(template.findResources('AWS::CloudWatch::Alarm')).map(([id, { Properties }]) => {
    const stats: { MetricStat?: { Metric: CfnMetric } }[] = Properties.Metrics ?? [];
    const metrics: CfnMetric[] = [Properties, ...stats.map(({ MetricStat }) => MetricStat?.Metric)].filter(
      (metric) => metric?.MetricName,
    );
    const [metric] = metrics;
    if (!metric || metrics.length > 1) throw new Error(`${id} watches ${metrics.length} metrics`);
    const dimensions = Object.fromEntries(metric.Dimensions.map(({ Name, Value }) => [Name, Value]));
    return {
      id,
      properties: Properties,
      metric: { namespace: metric.Namespace, name: metric.MetricName, dimensions },
    };
  });
}

/** The only alarm whose logical id begins so, after the part that all have. */
export function alarmOf(template: Template, prefix: string): Alarm {
  const found = alarmsOf(template).filter(({ id }) => id.startsWith(`HelperMonitoring${prefix}`));
  const [only] = found;
  if (!only || found.length > 1) throw new Error(`${found.length} alarms begin with ${prefix}`);
  return only;
}

export interface Widget {
  readonly type: string;
  readonly width: number;
  // biome-ignore lint/suspicious/noExplicitAny: a dashboard's body
  readonly properties: any;
}

/** The widgets of the dashboard; what is known only at deployment is `<LogicalId>` in it. */
export function widgetsOf(template: Template): Widget[] {
  const { DashboardBody } = resource(template, 'AWS::CloudWatch::Dashboard').properties;
  return JSON.parse(textOf(DashboardBody)).widgets;
}

/** A text of a template; what is known only at deployment is `<LogicalId>` in it. */
export function textOf(value: string | { 'Fn::Join': [string, unknown[]] }): string {
  const parts: unknown[] = typeof value === 'string' ? [value] : value['Fn::Join'][1];
  return parts.map((part) => (typeof part === 'string' ? part : `<${idOf(part)}>`)).join('');
}

function idOf(part: unknown): string {
  const { Ref: ref, 'Fn::GetAtt': attribute } = part as { Ref?: string; 'Fn::GetAtt'?: string[] };
  return ref ?? attribute?.[0] ?? '';
}

/** The lines of the saved queries, by the last part of their names. */
export function queriesOf(template: Template): Map<string, string> {
  const found = Object.values(template.findResources('AWS::Logs::QueryDefinition'));
  return new Map(
    found.map(({ Properties: { Name, QueryString } }) => [String(Name).split('/').at(-1) ?? '', QueryString]),
  );
}
