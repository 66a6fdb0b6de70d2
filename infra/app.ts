import { Annotations, App, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { NoClusterError, readAppSettings } from '../lambda/cli/io.ts';
import { SettingsError } from '../lambda/errors.ts';
import { accessPlaces } from '../lambda/settings/locations.ts';
import { EcrRegistryHelperAccessStack } from './access-stack.ts';
import { APP_FLAGS } from './function.ts';
import { applyOptions } from './options.ts';
import { EcrRegistryHelperStack } from './stack.ts';

const app = new App();
try {
  const { input, settings, env, flags } = readAppSettings((key) => app.node.tryGetContext(key), process.env);
  app.node.setContext(APP_FLAGS, flags);
  applyOptions(new EcrRegistryHelperStack(app, settings.name, { settings: input, env }), settings);
  for (const { accountId: account, region } of accessPlaces(settings)) {
    const id = `${settings.name}-access-${account}-${region}`;
    const props = { settings: input, env: { account, region } };
    applyOptions(new EcrRegistryHelperAccessStack(app, id, props), settings);
  }
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
