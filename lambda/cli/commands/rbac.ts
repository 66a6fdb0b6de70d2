import type { Command } from 'commander';
import { givenSettings } from '../asking.ts';
import { examples } from '../examples.ts';
import { rbacManifest } from '../rbac-manifest.ts';

interface RbacOptions {
  readonly settings?: string;
  readonly cluster?: string;
  readonly clusterId?: string;
  readonly region?: string;
}

/** `rbac`: the rights of the function in a cluster. */
export function addRbac(program: Command): void {
  program
    .command('rbac')
    .description('prints the rights of the function in a cluster, for kubectl apply')
    .option('--settings <file>', 'the settings')
    .option('--cluster <name>', 'one EKS cluster instead of settings')
    .option('--cluster-id <id>', 'the cluster, when those of the settings have different rights')
    .option('--region <region>', 'of the stack, for the commands in the comments')
    .addHelpText(
      'after',
      examples(
        ['rbac --cluster demo | kubectl apply -f -', 'with the settings that a name alone gives'],
        ['rbac --settings settings.json --cluster-id prod', 'of one of several clusters'],
      ),
    )
    .action(({ clusterId, region, ...options }: RbacOptions) => {
      process.stdout.write(rbacManifest(givenSettings(options), { only: clusterId, region }));
    });
}
