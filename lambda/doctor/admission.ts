import { ApiAnswer } from '../cluster/answer.ts';
import type { KubernetesClient } from '../cluster/client.ts';
import { labelsOf, SECRET_TYPE } from '../cluster/rights.ts';
import { accountPolicyName } from '../cluster/service-account-rights.ts';
import type { ApiRequest } from '../cluster/transport.ts';
import { failureVerdict } from '../cluster/verdict.ts';
import { dockerConfigData } from '../registry/docker-config.ts';
import type { Finding } from './doctor-report.ts';
import { failed, notLookedAt, passed, unknown } from './findings.ts';
import type { Matched } from './namespaces.ts';

/** Objects that are tried: something else may refuse a change of one before a policy is asked. */
const MOST_TRIES = 5;
/** What no object of ours may carry; only ever part of a dry run. */
const finalizers = ['ecr-registry-helper/doctor'];

/** A change that an admission policy has to deny. */
interface Trial {
  /** The object as a person would name it. */
  readonly object: string;
  readonly request: ApiRequest;
}

type Client = Pick<KubernetesClient, 'send'>;

/**
 * Whether the admission policies of a deployment are in force, by what they do, as we have no right to read them: they
 * have to deny a finalizer, which is asked for by a dry run. Does not throw.
 * @param matched where the function may write which secret
 */
export async function examinePolicies(
  client: Client,
  deployment: string,
  matched: readonly Matched[],
  where: string,
): Promise<Finding[]> {
  const secrets = matched.flatMap(({ entry, writable }) =>
    writable.map((namespace) => onSecret(deployment, namespace, entry.name)),
  );
  const linked = matched.filter(({ entry }) => entry.serviceAccounts.length > 0);
  const accounts = linked.flatMap(({ entry: { serviceAccounts }, writable }) =>
    writable.flatMap((namespace) => serviceAccounts.map((name) => onAccount(deployment, namespace, name))),
  );
  return [
    ...(await examinePolicy(client, deployment, secrets, where)),
    ...(linked.length > 0 ? await examinePolicy(client, accountPolicyName(deployment), accounts, where) : []),
  ];
}

async function examinePolicy(
  client: Client,
  policy: string,
  trials: readonly Trial[],
  where: string,
): Promise<Finding[]> {
  const step = 'admission policy';
  const object = `policy ${policy} in ${where}`;
  let last = 'there is nothing to try it on';
  for (const trial of trials.slice(0, MOST_TRIES)) {
    try {
      await client.send(trial.request);
      const reason = `${trial.object} with a finalizer is accepted: the policy is not in force`;
      const remedy =
        'Apply the rights of these settings: npm run -s rbac -- -c settings=FILE | kubectl apply -f -';
      return [failed(step, object, reason, remedy)];
    } catch (fault) {
      const answer = fault instanceof ApiAnswer ? fault : undefined;
      if (answer?.deniedBy?.what === 'policy' && answer.deniedBy.name === policy) {
        return [passed(step, object, `it denies ${trial.object} with a finalizer`)];
      }
      // RBAC is asked first, and in every namespace alike
      if (answer?.deniedVerb) return notLookedAt([step], object, 'right');
      last = failureVerdict(fault, trial.object).reason ?? `the namespace of ${trial.object} is going away`;
    }
  }
  const remedy = `Look at it: kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings ${policy}`;
  return [unknown(step, object, `not found out: ${last}`, remedy)];
}

function onSecret(deployment: string, namespace: string, name: string): Trial {
  const data = { '.dockerconfigjson': dockerConfigData(new Map()).reveal() };
  const metadata = { name, labels: labelsOf(deployment), finalizers };
  return {
    object: `secret ${namespace}/${name}`,
    request: {
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/secrets/${name}?${dryRun(deployment)}&force=true`,
      headers: headers('application/apply-patch+yaml'),
      body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: SECRET_TYPE, data }),
    },
  };
}

function onAccount(deployment: string, namespace: string, name: string): Trial {
  return {
    object: `service account ${namespace}/${name}`,
    request: {
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}?${dryRun(deployment)}`,
      headers: headers('application/json-patch+json'),
      body: JSON.stringify([{ op: 'add', path: '/metadata/finalizers', value: finalizers }]),
    },
  };
}

function dryRun(deployment: string): URLSearchParams {
  return new URLSearchParams({ fieldManager: deployment, dryRun: 'All' });
}

function headers(contentType: string): Record<string, string> {
  return {
    accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    'content-type': contentType,
  };
}
