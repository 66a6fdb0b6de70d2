import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { SettingsError } from '../lambda/errors.ts';
import { accessPlaces } from '../lambda/settings/places.ts';
import { EcrRegistryHelperAccessStack } from './access/access-stack.ts';
import { readAppSettings } from './settings.ts';
import { EcrRegistryHelperStack } from './stack.ts';

try {
  const app = new App();
  const { input, settings, env } = readAppSettings((key) => app.node.tryGetContext(key), process.env);
  new EcrRegistryHelperStack(app, settings.name, { settings: input, env });
  for (const { accountId: account, region } of accessPlaces(settings)) {
    const id = `${settings.name}-access-${account}-${region}`;
    new EcrRegistryHelperAccessStack(app, id, { settings: input, env: { account, region } });
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.problem);
  // left to end by itself, the app would synthesize what there is
  process.exit(1);
}
