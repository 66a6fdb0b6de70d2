import type { Finding, Step } from '../../lambda/doctor/report.ts';
import type { Manifest } from '../../lambda/kubernetes/rbac.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { mintPassword } from '../sandbox/aws/canary.ts';
import { deniedByWebhook } from '../sandbox/kubernetes/admission.ts';
import type { World } from '../sandbox/world.ts';
import { clusterOf, FUNCTION_ROLE } from './run.ts';

/** A way in which a deployment differs from a good one, and what doctor makes of it. */
export interface Diagnosis {
  readonly title: string;
  readonly settings?: Partial<SettingsInput>;
  readonly event?: object;
  readonly arrange?: (world: World) => void;
  readonly step: Step;
  /** Of the one finding that is no pass. */
  readonly result: Exclude<Finding['result'], 'pass'>;
  readonly reason: string | RegExp;
  readonly remedy: string | RegExp;
}

export const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const RULE = 'ecr-registry-helper-schedule';
const LOG_GROUP = '/aws/eks/demo/cluster';
const AUDIT =
  "Turn the audit log on: aws eks update-cluster-config --region eu-west-1 --name demo --logging 'clusterLogging=[{types=[audit],enabled=true}]'";
const REPOSITORY = `${HOST}/team/app`;
const DEPLOY = 'npx cdk deploy --all -c settings=settings.json';
const rbac = 'rbac.authorization.k8s.io/v1';

/** ECR's answer with a token that ends so soon. */
function endIn(hours: number): (world: World) => void {
  return ({ aws }) => {
    const password = mintPassword(aws.region, aws.principal.arn, aws.now());
    const expiresAt = new Date(aws.now().getTime() + hours * 3_600_000);
    aws.registries.issue(password, aws.region, expiresAt, aws.principal.arn);
    const data = {
      authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
      expiresAt: expiresAt.getTime() / 1_000,
      proxyEndpoint: `https://${HOST}`,
    };
    const body = JSON.stringify({ authorizationData: [data] });
    const contentType = 'application/x-amz-json-1.1';
    aws.fail({ operation: 'GetAuthorizationToken', with: { kind: 'body', status: 200, contentType, body } });
  };
}

const redescribed = (different: object) => (world: World) => {
  const { endpoint, caPem } = clusterOf(world);
  world.aws.addCluster({ name: 'demo', endpoint, caPem, ...different });
};
const answering = (status: number) => (world: World) => {
  const headers = { location: 'https://evil.example/v2/' };
  world.aws.registries.answers.set(HOST, { status, headers });
};

const injecting = { accountId: '111122223333', region: 'eu-west-1', secrets: [{ injectPods: true }] };
const dropManifests = (kind: string) => (world: World) => {
  const { manifest } = clusterOf(world);
  manifest.splice(0, Infinity, ...manifest.filter((one) => (one as Manifest).kind !== kind));
};

export const diagnoses: readonly Diagnosis[] = [
  {
    title: 'STS that does not answer',
    arrange: ({ aws }) =>
      void aws.fail({
        operation: 'GetCallerIdentity',
        with: { kind: 'error', code: 'AccessDenied', status: 403 },
      }),
    step: 'identity',
    result: 'unknown',
    reason: 'could not get it from STS (AccessDenied)',
    remedy: 'aws sts get-caller-identity',
  },
  {
    title: 'a deployment that is not enabled',
    settings: { enabled: false },
    step: 'schedule',
    result: 'fail',
    reason: '"enabled": false',
    remedy: DEPLOY,
  },
  {
    title: 'a rule that runs at another time',
    arrange: ({ aws }) => aws.rules.set(RULE, { schedule: 'rate(3 days)', state: 'ENABLED' }),
    step: 'schedule',
    result: 'fail',
    reason: 'it runs at rate(3 days), and the settings say rate(8 hours)',
    remedy: DEPLOY,
  },
  {
    title: 'a rule that was deleted',
    arrange: ({ aws }) => aws.rules.clear(),
    step: 'schedule',
    result: 'fail',
    reason: 'it does not exist',
    remedy: DEPLOY,
  },
  {
    title: 'a rule that the role may not see',
    arrange: ({ aws }) => aws.deny(FUNCTION_ROLE, 'events:DescribeRule'),
    step: 'schedule',
    result: 'unknown',
    reason: 'AccessDeniedException',
    remedy: DEPLOY,
  },
  {
    title: 'a run outside of the deployment',
    arrange: ({ env }) => delete env.RULE_NAME,
    step: 'schedule',
    result: 'unknown',
    reason: 'the rule that starts the function is unknown here',
    remedy: '{ "action": "doctor" }',
  },
  {
    title: 'a log group whose subscription filters are both taken',
    settings: { newNamespaces: 'audit-log' },
    arrange: ({ aws }) => {
      const destinationArn = 'arn:aws:lambda:eu-west-1:111122223333:function:shipper';
      aws.subscriptions.set(
        LOG_GROUP,
        ['to-siem', 'to-store'].map((name) => ({ name, destinationArn })),
      );
    },
    step: 'new namespaces',
    result: 'fail',
    reason: 'both of its subscription filters are taken, by "to-siem" and "to-store"',
    remedy:
      /^See what they are for: aws logs describe-subscription-filters --region eu-west-1 --log-group-name \/aws\/eks\/demo\/cluster\. Remove one of them, .* deploy: npx cdk deploy/,
  },
  {
    title: 'a log group whose filter for us is gone',
    settings: { newNamespaces: 'audit-log' },
    arrange: ({ aws }) => aws.subscriptions.set(LOG_GROUP, []),
    step: 'new namespaces',
    result: 'fail',
    reason: 'no subscription filter sends its records to the function',
    remedy: DEPLOY,
  },
  {
    title: 'a log group that is not there',
    settings: { newNamespaces: 'audit-log' },
    arrange: ({ aws }) => aws.subscriptions.clear(),
    step: 'new namespaces',
    result: 'fail',
    reason: 'it does not exist',
    remedy: `${AUDIT}. Then deploy: ${DEPLOY}`,
  },
  {
    title: 'a log group whose filters the role may not see',
    settings: { newNamespaces: 'audit-log' },
    arrange: ({ aws }) => aws.deny(FUNCTION_ROLE, 'logs:DescribeSubscriptionFilters'),
    step: 'new namespaces',
    result: 'unknown',
    reason: 'AccessDeniedException',
    remedy: 'aws logs describe-subscription-filters',
  },
  {
    title: 'an audit log that is off',
    settings: { newNamespaces: 'audit-log' },
    arrange: redescribed({ audited: false }),
    step: 'new namespaces',
    result: 'fail',
    reason: 'it is off, so the function gets no new namespaces',
    remedy: AUDIT,
  },
  {
    title: 'new namespaces that are told outside of the deployment',
    settings: { newNamespaces: 'audit-log' },
    arrange: ({ env }) => delete env.AWS_LAMBDA_FUNCTION_NAME,
    step: 'new namespaces',
    result: 'unknown',
    reason: 'the function that it should send records to is unknown here',
    remedy: '{ "action": "doctor" }',
  },
  {
    title: 'tokens that end too soon',
    arrange: endIn(8.95),
    step: 'schedule',
    result: 'fail',
    reason: 'a token lives 8.9 h, and two runs are up to 8 h apart',
    remedy: `gaps are under 7.9 h, then deploy: ${DEPLOY}`,
  },
  {
    title: 'a policy on pods that is missing',
    settings: injecting,
    arrange: dropManifests('MutatingAdmissionPolicy'),
    step: 'admission policy',
    result: 'fail',
    reason: 'it does not exist',
    remedy: /^Apply the permissions of the settings: npm run -s rbac -- .* \| kubectl apply -f -$/,
  },
  {
    title: 'a policy on pods that is not bound',
    settings: injecting,
    arrange: dropManifests('MutatingAdmissionPolicyBinding'),
    step: 'admission policy',
    result: 'fail',
    reason: 'it does not exist',
    remedy: /kubectl apply -f -$/,
  },
  {
    title: 'a policy on pods of older settings',
    settings: injecting,
    arrange: (world) => {
      const { manifest } = clusterOf(world);
      const at = manifest.findIndex((one) => (one as Manifest).kind === 'MutatingAdmissionPolicy');
      const text = JSON.stringify(manifest[at]).replaceAll('eu-west-1', 'us-east-1');
      manifest[at] = JSON.parse(text);
    },
    step: 'admission policy',
    result: 'fail',
    reason: 'it is not that of the settings',
    remedy: /kubectl apply -f -$/,
  },
  {
    title: 'an API server without policies on pods',
    settings: injecting,
    arrange: (world) =>
      void clusterOf(world).fault(({ path }) =>
        path.includes('/mutatingadmissionpolicies/')
          ? {
              kind: 'status',
              status: 404,
              body: { kind: 'Status', reason: 'NotFound', details: {}, code: 404 },
            }
          : undefined,
      ),
    step: 'admission policy',
    result: 'fail',
    reason: 'its API server has no such kind; Kubernetes has it since 1.36',
    remedy: 'Upgrade the cluster, or remove injectPods from its entries. See its version: kubectl version',
  },
  {
    title: 'a registry that refuses the token',
    arrange: answering(401),
    step: 'registry',
    result: 'fail',
    reason: 'it rejects the token (401)',
    remedy: `aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin ${HOST}`,
  },
  {
    title: 'a registry that sends us elsewhere',
    arrange: answering(307),
    step: 'registry',
    result: 'unknown',
    reason: 'it answered 307',
    remedy: 'docker login',
  },
  {
    title: 'a repository that is not there',
    event: { repository: REPOSITORY },
    step: 'pull',
    result: 'fail',
    reason: 'the repository does not exist',
    remedy:
      'aws ecr describe-repositories --registry-id 111122223333 --region eu-west-1 --repository-names team/app',
  },
  {
    title: 'a repository that the role may not pull from',
    event: { repository: REPOSITORY },
    arrange: ({ aws }) => aws.registries.repositories.set(REPOSITORY, false),
    step: 'pull',
    result: 'fail',
    reason: 'ecr:BatchGetImage is denied (403)',
    remedy: /allow the role in its policy: aws ecr get-repository-policy .* --repository-name team\/app/,
  },
  {
    title: 'a repository whose tags the role may not list',
    event: { repository: REPOSITORY },
    arrange: ({ aws: { registries } }) => {
      registries.repositories.set(REPOSITORY, true);
      registries.unlisted.add(REPOSITORY);
    },
    step: 'pull',
    result: 'unknown',
    reason:
      'listing tags is denied (403): pulls do not need ecr:ListImages; Argo CD Image Updater, Flux image automation and Renovate do',
    remedy: /allow ecr:ListImages .* aws ecr get-repository-policy .* --repository-name team\/app/,
  },
  {
    title: 'a cluster that is being deleted',
    arrange: redescribed({ status: 'DELETING' }),
    step: 'cluster',
    result: 'fail',
    reason: 'its status is DELETING',
    remedy: 'aws eks describe-cluster --region eu-west-1 --name demo',
  },
  {
    title: 'a private endpoint, and no vpc',
    arrange: redescribed({ publicAccess: false }),
    step: 'cluster',
    result: 'unknown',
    reason: 'from its VPC only',
    remedy: /set vpc to ids of: aws eks describe-cluster .*resourcesVpcConfig/,
  },
  {
    title: 'a role that may read every secret',
    arrange: (world) => {
      const rule = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
      const metadata = { name: 'too-wide' };
      clusterOf(world).manifest.push(
        { apiVersion: rbac, kind: 'ClusterRole', metadata, rules: [rule] },
        {
          apiVersion: rbac,
          kind: 'ClusterRoleBinding',
          metadata,
          roleRef: { kind: 'ClusterRole', name: metadata.name },
          subjects: [{ kind: 'Group', name: 'ecr-registry-helper' }],
        },
      );
    },
    step: 'right',
    result: 'fail',
    reason: 'may read every secret',
    remedy: 'kubectl get clusterrolebindings',
  },
  {
    title: 'no admission policy',
    arrange: (world) => clusterOf(world).admission.splice(0),
    step: 'admission policy',
    result: 'fail',
    reason: 'secret default/ecr-docker-creds with a finalizer is accepted',
    remedy: /npm run -s rbac .*\| kubectl apply -f -/,
  },
  {
    title: 'no admission policy on service accounts',
    settings: { secrets: [{ serviceAccounts: ['builder', 'default'] }] },
    arrange: (world) => {
      const { serviceAccounts } = clusterOf(world);
      serviceAccounts.put('default', 'default', {});
      serviceAccounts.admission.splice(0);
    },
    step: 'admission policy',
    result: 'fail',
    reason: 'service account default/default with a finalizer is accepted',
    remedy: /npm run -s rbac .*\| kubectl apply -f -/,
  },
  {
    title: 'no service account to try its policy on',
    settings: { secrets: [{ serviceAccounts: ['builder'] }] },
    step: 'admission policy',
    result: 'unknown',
    reason: 'could not find out',
    remedy: 'kubectl get validatingadmissionpolicies',
  },
  {
    title: 'a namespace that is not there',
    settings: { secrets: [{ namespaces: { include: ['default', 'tpyo'] } }] },
    step: 'namespaces',
    result: 'fail',
    reason: 'there is no namespace tpyo',
    remedy: 'Correct namespaces of this entry',
  },
  {
    title: 'a quota in the way',
    arrange: (world) => clusterOf(world).quotas.set('default', { name: 'few', secrets: 0 }),
    step: 'apply',
    result: 'fail',
    reason: 'it was denied by the quota few',
    remedy: 'kubectl -n default describe secret ecr-docker-creds',
  },
  {
    title: 'a webhook that hides whether the policy is in force',
    arrange: (world) => {
      const { admission } = clusterOf(world);
      admission.unshift(({ object }) =>
        object?.metadata.finalizers ? deniedByWebhook('no-finalizers', 'no finalizers') : undefined,
      );
    },
    step: 'admission policy',
    result: 'unknown',
    reason: 'could not find out: it was denied by the admission webhook no-finalizers',
    remedy: 'kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings ecr-registry-helper',
  },
];
