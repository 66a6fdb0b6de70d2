import { expect, test } from 'vitest';
import { readAppSettings } from '../../lambda/cli/io.ts';
import { applyRbacCommand, readEnvironment } from '../../lambda/context.ts';

const commandsOf = (env: Record<string, string>) => {
  const environment = readEnvironment({
    AWS_REGION: 'eu-west-1',
    AWS_LAMBDA_FUNCTION_NAME: 'refresher',
    ...env,
  });
  return [environment.deployCommand, applyRbacCommand(environment, 'prod')];
};

test('a function that the app of this project deployed prints its flags', () => {
  expect(commandsOf({ DEPLOYED_BY: '-c cluster=prod' })).toEqual([
    'npx cdk deploy --all -c cluster=prod',
    'npm run -s rbac -- -c cluster=prod --cluster prod | kubectl apply -f -',
  ]);
});

test('a function of another app prints the stack, and reads the settings of the function', () => {
  expect(commandsOf({ DEPLOYED_BY: 'Platform/Secrets' })).toEqual([
    'npx cdk deploy Platform/Secrets',
    'npx ecr-registry-helper rbac --function refresher --region eu-west-1 --cluster prod | kubectl apply -f -',
  ]);
});

test('a function of a template without CDK prints the guide, and reads the settings of the function', () => {
  expect(commandsOf({ DEPLOYED_BY: 'docs/guides/without-cdk.md' })).toEqual([
    'docs/guides/without-cdk.md',
    'npm run -s rbac -- --function refresher --region eu-west-1 --cluster prod | kubectl apply -f -',
  ]);
});

test('a function whose flags did not fit in its environment prints none', () => {
  expect(commandsOf({})[0]).toBe('npx cdk deploy');
});

test.for([
  [{ cluster: 'demo' }, '-c cluster=demo'],
  [{ settings: 'examples/one-cluster/settings.json' }, '-c settings=examples/one-cluster/settings.json'],
  [{ cluster: 'demo', region: 'eu-west-1' }, '-c cluster=demo -c region=eu-west-1'],
  [{ cluster: 'demo', alarmEmail: 'me@example.com' }, '-c cluster=demo -c alarmEmail=me@example.com'],
] as const)('the flags of %j are printed as a shell takes them', ([context, flags]) => {
  const given: Record<string, string> = context;
  expect(readAppSettings((key) => given[key], {}).flags).toBe(flags);
});
