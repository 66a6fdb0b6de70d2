import { Annotations, App, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { NoClusterError, readAppSettings } from '../lambda/cli/io.ts';
import { SettingsError } from '../lambda/errors.ts';
import { APP_FLAGS } from './function.ts';
import { addStacks } from './stack.ts';

const app = new App();
try {
  const { input, settings, env, flags } = readAppSettings((key) => app.node.tryGetContext(key), process.env);
  app.node.setContext(APP_FLAGS, flags);
  addStacks(app, settings, { settings: input, env });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  if (error instanceof NoClusterError) synthForBootstrap(error.problem);
  else {
    console.error(error.problem);
    // without it, the app would synthesize the stacks that it has
    process.exit(1);
  }
}

/**
 * Synthesizes a stack that gives `cdk bootstrap` an account and region, and an error to commands that deploy. It has not
 * the name of a deployment, as `cdk destroy` ignores errors.
 */
function synthForBootstrap(problem: string): void {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  Annotations.of(new Stack(app, 'no-cluster-given', { env: { account, region } })).addError(problem);
  app.synth();
}
