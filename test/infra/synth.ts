import { readFileSync } from 'node:fs';
import { App, type Environment, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { buildLambda } from '../../build.ts';
import { EcrRegistryHelper, type EcrRegistryHelperProps } from '../../infra/index.ts';

// the asset that every synth reads
await buildLambda();

export const HOME: Environment = { account: '111122223333', region: 'eu-west-1' };
export const DEMO = { clusters: [{ name: 'demo' }] };

/** An app with the feature flags of ours, that copies no assets, and warns of alarms without a reader only if `warns`. */
export function newApp({ warns = false } = {}): App {
  const { context } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  const app = new App({ context: { ...context, 'aws:cdk:disable-asset-staging': true } });
  const id = 'Annotation::ecr-registry-helper:no-subscriber';
  if (!warns) Validations.of(app).acknowledge({ id, reason: 'nothing is deployed' });
  return app;
}

/** Synthesizes one construct in a stack of its own; what is returned of the template is plain JSON. */
export function synth(
  props: (stack: Stack) => EcrRegistryHelperProps,
  env: Environment | undefined = HOME,
  app = newApp(),
): Synthesized {
  const stack = new Stack(app, 'Test', env === undefined ? {} : { env });
  const helper = new EcrRegistryHelper(stack, 'Helper', props(stack));
  return { stack, helper, template: Template.fromStack(stack) };
}

export interface Synthesized {
  readonly stack: Stack;
  readonly helper: EcrRegistryHelper;
  readonly template: Template;
}

/** The only resource of a type whose logical id begins so. */
export function resource(template: Template, type: string, prefix = ''): Resource {
  const found = Object.entries(template.findResources(type)).filter(([id]) => id.startsWith(prefix));
  const [only] = found;
  if (!only || found.length > 1) throw new Error(`${found.length} of ${type} begin with ${prefix}`);
  return { id: only[0], properties: only[1].Properties, dependsOn: only[1].DependsOn ?? [] };
}

export interface Resource {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation
  readonly properties: any;
  readonly dependsOn: string[];
}
