import type { Template } from 'aws-cdk-lib/assertions';
import { resource } from './synth.ts';

/** A retrier or a catcher. */
export interface Handler {
  readonly ErrorEquals: string[];
  readonly MaxAttempts?: number;
  readonly Assign?: Readonly<Record<string, unknown>>;
  readonly Output?: unknown;
  readonly Next?: string;
}

export interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly Arguments?: unknown;
  readonly Items?: unknown;
  readonly MaxConcurrency?: number;
  readonly ItemProcessor?: Definition & { readonly ProcessorConfig: unknown };
  readonly Choices?: readonly { Condition: string; Next: string }[];
  readonly Default?: string;
  readonly Assign?: Readonly<Record<string, unknown>>;
  readonly Output?: unknown;
  readonly Retry?: readonly Handler[];
  readonly Catch?: readonly Handler[];
  readonly Error?: string;
  readonly Cause?: string;
  readonly Next?: string;
}

export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/** The definition of the fleet's state machine; what is known only at deployment is `<LogicalId>` in it. */
export function definitionOf(template: Template): Definition {
  const { DefinitionString } = resource(template, 'AWS::StepFunctions::StateMachine').properties;
  const idOf = (part: unknown) => {
    const { Ref: ref, 'Fn::GetAtt': attribute } = part as { Ref?: string; 'Fn::GetAtt'?: string[] };
    return ref ?? attribute?.[0];
  };
  return JSON.parse(
    DefinitionString['Fn::Join'][1]
      .map((part: unknown) => (typeof part === 'string' ? part : `<${idOf(part)}>`))
      .join(''),
  );
}
