import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import { UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  DescribeStateMachineCommand,
  ListExecutionsCommand,
  StartExecutionCommand,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { run } from '../cli/process.ts';
import { until } from '../e2e/until.ts';
import { ACCOUNT, type Emulators, REGION } from './emulators.ts';
import { ENGINE_ENV, type LocalStack } from './localstack.ts';

export const STACK = 'ecr-registry-helper';
/** A function starts in some seconds, and several at once take longer. */
export const RUN_SECONDS = 240;

/** A line of the function's log about one run. */
export interface RunLine {
  readonly level: string;
  readonly message: string;
  readonly requestId: string;
  readonly origin: string;
}

/** The stack in the engine, deployed by the CDK CLI. */
export class Deployment {
  readonly engine: LocalStack;
  readonly emulators: Emulators;
  outputs: Readonly<Record<string, string>> = {};
  readonly #folder: string;

  private constructor(engine: LocalStack, emulators: Emulators, folder: string) {
    this.engine = engine;
    this.emulators = emulators;
    this.#folder = folder;
  }

  static async create(engine: LocalStack, emulators: Emulators): Promise<Deployment> {
    return new Deployment(engine, emulators, await mkdtemp(join(tmpdir(), 'engines-cdk-')));
  }

  /** Runs `cdk bootstrap`. @throws Error with what it printed */
  async bootstrap(): Promise<void> {
    await this.#cdk('bootstrap', `aws://${ACCOUNT}/${REGION}`, '-c', 'cluster=demo');
  }

  /** Runs `cdk deploy` with these settings, and reads the outputs. @throws Error with what it printed */
  async deploy(settings: SettingsInput): Promise<void> {
    this.emulators.expect(settings);
    await writeFile(this.#settingsFile, JSON.stringify(settings));
    await this.#cdk('deploy', '--all', '--require-approval', 'never', ...this.#context);
    await this.readOutputs();
  }

  /** Reads the outputs of the stack. */
  async readOutputs(): Promise<void> {
    const { Stacks: [stack] = [] } = await this.engine.cloudFormation.send(
      new DescribeStacksCommand({ StackName: STACK }),
    );
    this.outputs = Object.fromEntries(
      (stack?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
  }

  /** Runs `cdk destroy`. @throws Error with what it printed */
  async destroy(): Promise<void> {
    await this.#cdk('destroy', '--all', '--force', ...this.#context);
  }

  output(name: string): string {
    const value = this.outputs[name];
    if (value === undefined) throw new Error(`the stack has no output ${name}`);
    return value;
  }

  /** The JSON lines of the function's log in CloudWatch Logs since then. */
  async readLines(since: number): Promise<string[]> {
    const lines: string[] = [];
    const pages = paginateFilterLogEvents(
      { client: this.engine.logs },
      { logGroupName: this.output('LogGroupName'), startTime: since },
    );
    for await (const { events = [] } of pages) {
      for (const { message = '' } of events) {
        if (message.startsWith('{')) lines.push(message);
      }
    }
    return lines;
  }

  /** The lines about runs since then. */
  async readRuns(since: number): Promise<RunLine[]> {
    const lines = await this.readLines(since);
    return lines.map((line) => JSON.parse(line)).filter(({ origin }) => origin);
  }

  /** Waits for a line of a run of that origin. @returns the last of them */
  async awaitRun(
    since: number,
    origin: string,
    isWanted: (line: RunLine) => boolean = () => true,
  ): Promise<RunLine> {
    let found: RunLine | undefined;
    await until(
      `the log has the awaited ${origin} run`,
      async () => {
        const lines = await this.readRuns(since);
        found = lines.findLast((line) => line.origin === origin && isWanted(line));
        return found !== undefined;
      },
      RUN_SECONDS,
    );
    return found as RunLine;
  }

  /** Changes the function's environment by the API of Lambda, as a person could. */
  async setEnvironment(variables: Record<string, string>): Promise<void> {
    await this.engine.lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: this.output('FunctionName'),
        Environment: { Variables: variables },
      }),
    );
  }

  /** Starts the state machine. @returns how the execution ended */
  async execute(): Promise<DescribeExecutionOutput> {
    const stateMachineArn = this.output('StateMachineArn');
    const { executionArn } = await this.engine.stepFunctions.send(
      new StartExecutionCommand({ stateMachineArn, input: '{}' }),
    );
    return await this.#awaitExecution(executionArn);
  }

  /** Waits for the execution that the deployment starts. @returns how it ended */
  async awaitFirstExecution(): Promise<DescribeExecutionOutput> {
    let started: string | undefined;
    await until(
      'the state machine is started',
      async () => {
        const { executions = [] } = await this.engine.stepFunctions.send(
          new ListExecutionsCommand({ stateMachineArn: this.output('StateMachineArn') }),
        );
        started = executions.at(-1)?.executionArn;
        return started !== undefined;
      },
      RUN_SECONDS,
    );
    return await this.#awaitExecution(started);
  }

  /** Shortens the waits of the state machine's definition to seconds, by the API of Step Functions. */
  async shortenWaits(): Promise<void> {
    const stateMachineArn = this.output('StateMachineArn');
    const { definition = '' } = await this.engine.stepFunctions.send(
      new DescribeStateMachineCommand({ stateMachineArn }),
    );
    const shortened = definition.replaceAll(/"(Seconds|IntervalSeconds|MaxDelaySeconds)":\s*\d+/g, '"$1":1');
    await this.engine.stepFunctions.send(
      new UpdateStateMachineCommand({ stateMachineArn, definition: shortened }),
    );
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #awaitExecution(executionArn: string | undefined): Promise<DescribeExecutionOutput> {
    let ended: DescribeExecutionOutput = {
      executionArn: '',
      stateMachineArn: '',
      startDate: new Date(),
      status: 'RUNNING',
    };
    await until(
      `the execution ${executionArn} ends`,
      async () => {
        ended = await this.engine.stepFunctions.send(new DescribeExecutionCommand({ executionArn }));
        return ended.status !== 'RUNNING';
      },
      RUN_SECONDS,
    );
    return ended;
  }

  get #settingsFile(): string {
    return join(this.#folder, 'settings.json');
  }

  get #context(): string[] {
    return ['-c', `settings=${this.#settingsFile}`, '-c', `account=${ACCOUNT}`, '-c', `region=${REGION}`];
  }

  async #cdk(command: string, ...args: string[]): Promise<void> {
    const cli = join(import.meta.dirname, '../../node_modules/aws-cdk/bin/cdk');
    const output = ['--no-notices', '--ci', '--output', join(this.#folder, 'out')];
    const { code, stdout, stderr } = await run(process.execPath, [cli, command, ...output, ...args], {
      env: {
        ...ENGINE_ENV,
        HOME: this.#folder,
        AWS_EC2_METADATA_DISABLED: 'true',
        CDK_DISABLE_CLI_TELEMETRY: 'true',
        PATH: [dirname(process.execPath), process.env.PATH].join(':'),
      },
    });
    if (code !== 0) throw new Error(`cdk ${command} ended with ${code}:\n${stdout}${stderr}`);
  }
}
