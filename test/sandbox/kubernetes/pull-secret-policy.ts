import { EXPIRES_AT, NEWER_IS_THERE, SECRET_TYPE } from '../../../lambda/cluster/rights.ts';
import { type AdmissionCheck, type AdmissionRequest, deniedByPolicy } from './admission.ts';

/**
 * The product's own ValidatingAdmissionPolicy in TypeScript, as nothing here runs CEL: the first validation that
 * fails gives the message. It concerns members of the deployment's group only.
 */
export function pullSecretPolicy(deployment: {
  name: string;
  /** The names of the secrets that an entry recreates. */
  recreated: readonly string[];
}): AdmissionCheck {
  const { name, recreated } = deployment;
  return (request) => {
    if (!request.user.groups.includes(name)) return undefined;
    const text =
      request.operation === 'DELETE' ? whyNotDelete(request, name, recreated) : whyNotWrite(request);
    return text === undefined ? undefined : deniedByPolicy(request, { policy: name, binding: name, text });
  };
}

function whyNotWrite({ object, oldObject }: AdmissionRequest): string | undefined {
  if (object?.type !== SECRET_TYPE) return `only secrets of type ${SECRET_TYPE}`;
  if (object.metadata.finalizers?.length) return 'no finalizers';
  if (object.metadata.ownerReferences?.length) return 'no owner references';
  const before = oldObject?.metadata.annotations?.[EXPIRES_AT];
  const after = object.metadata.annotations?.[EXPIRES_AT];
  if (before === undefined || after === undefined) return undefined;
  // A time that CEL cannot read is an error, which failurePolicy Fail makes a denial.
  if (Number.isNaN(Date.parse(before) + Date.parse(after))) {
    return "expression resulted in error: type conversion error from 'string' to 'google.protobuf.Timestamp'";
  }
  return Date.parse(after) >= Date.parse(before) ? undefined : NEWER_IS_THERE;
}

function whyNotDelete(
  { name: secret, oldObject }: AdmissionRequest,
  name: string,
  recreated: readonly string[],
): string | undefined {
  const isOurs = oldObject?.metadata.labels?.['app.kubernetes.io/managed-by'] === name;
  return recreated.includes(secret) || isOurs ? undefined : 'only secrets of ours are deleted';
}
