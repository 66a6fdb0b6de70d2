import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { until } from '../e2e/until.ts';
import { type Emulators, REGION } from './emulators.ts';
import type { Engines } from './install.ts';

const ADDRESS = '127.0.0.1:4566';
const START_SECONDS = 240;
const root = join(import.meta.dirname, '../..');

/** What calls of the engine need: it takes every key. */
export const ENGINE_ENV = {
  AWS_ENDPOINT_URL: `http://${ADDRESS}`,
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
};

/** LocalStack on this host, with clients of its services. */
export class LocalStack {
  readonly cloudFormation: CloudFormationClient;
  readonly eventBridge: EventBridgeClient;
  readonly lambda: LambdaClient;
  readonly logs: CloudWatchLogsClient;
  readonly sqs: SQSClient;
  readonly stepFunctions: SFNClient;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #log: string;

  private constructor(process: ChildProcess, folder: string, log: string) {
    this.#process = process;
    this.#folder = folder;
    this.#log = log;
    const config = {
      endpoint: ENGINE_ENV.AWS_ENDPOINT_URL,
      region: REGION,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    this.cloudFormation = new CloudFormationClient(config);
    this.eventBridge = new EventBridgeClient(config);
    this.lambda = new LambdaClient(config);
    this.logs = new CloudWatchLogsClient(config);
    this.sqs = new SQSClient(config);
    this.stepFunctions = new SFNClient(config);
  }

  /** @param log the file that gets what it prints */
  static async start(engines: Engines, emulators: Emulators, log: string): Promise<LocalStack> {
    const folder = await mkdtemp(join(tmpdir(), 'engines-'));
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(AWS|CDK|LOCALSTACK|npm)_/.test(name),
    );
    const child = spawn(engines.python, [join(import.meta.dirname, 'localstack/start.py')], {
      env: {
        ...Object.fromEntries(inherited),
        GATEWAY_LISTEN: ADDRESS,
        FILESYSTEM_ROOT: join(folder, 'root'),
        TMPDIR: folder,
        // nothing leaves this host
        DNS_ADDRESS: '0',
        DISABLE_EVENTS: '1',
        SKIP_SSL_CERT_DOWNLOAD: '1',
        LOCALSTACK_HOST: ADDRESS,
        SQS_ENDPOINT_STRATEGY: 'off',
        CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES: '1',
        LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT: '120',
        LAMBDA_RETRY_BASE_DELAY: '1',
        ENGINES_NODE: process.execPath,
        ENGINES_RIC: engines.runtimeClient,
        ENGINES_MODULES: join(root, 'node_modules'),
        ENGINES_JARS: engines.jars,
        ENGINES_KUBECTL: emulators.kubectlUrl,
        ENGINES_FUNCTION_ENV: JSON.stringify(emulators.functionEnv),
        PATH: [dirname(process.execPath), process.env.PATH].join(':'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // a process group of its own
      detached: true,
    });
    const file = createWriteStream(log);
    child.stdout.pipe(file);
    child.stderr.pipe(file);
    const localStack = new LocalStack(child, folder, log);
    process.once('exit', () => localStack.#kill());
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
    await until('LocalStack answers', () => localStack.#isReady(), START_SECONDS);
    return localStack;
  }

  /** The types of resources that its CloudFormation took without making anything. */
  get typesNotMade(): string[] {
    return this.#typesIn(/No resource provider found for "([\w:-]+)"/g);
  }

  /** The types of resources whose changes its CloudFormation took without making them. */
  get typesNotChanged(): string[] {
    return this.#typesIn(/Unable to update resource type "([\w:-]+)"/g);
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#kill();
    await exited;
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** With the functions, which are in its process group. */
  #kill(): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
  }

  #typesIn(pattern: RegExp): string[] {
    const found = readFileSync(this.#log, 'utf8').matchAll(pattern);
    return [...new Set([...found].map(([, type = '']) => type))].sort();
  }

  async #isReady(): Promise<boolean> {
    if (this.#process.exitCode !== null) {
      throw new Error(`LocalStack ended with ${this.#process.exitCode}:\n${readFileSync(this.#log, 'utf8')}`);
    }
    return await fetch(`${ENGINE_ENV.AWS_ENDPOINT_URL}/_localstack/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
