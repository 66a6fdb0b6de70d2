import type { Secret } from './objects.ts';
import { type FieldError, invalid, StatusError } from './status.ts';

const maxDataBytes = 1024 * 1024;
const maxAnnotationBytes = 256 * 1024;
export const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const dataKey = /^[-._a-zA-Z0-9]{1,253}$/;

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start " +
  "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start " +
  "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for " +
  "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const dataKeyRule =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  " +
  "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/**
 * Refuses a Secret that the server would not store: `ValidateSecret` and `ValidateSecretUpdate` of
 * Kubernetes' `pkg/apis/core/validation`, for the types that matter here. `old` is the stored one, if any.
 * @throws StatusError 422 naming every field that is wrong; 500 for data that is not base64.
 */
export function validateSecret(secret: Secret, old: Secret | undefined): void {
  for (const value of Object.values(secret.data ?? {})) if (!isBase64(value)) throw notConvertible(secret);
  const errors = [
    ...metadataErrors(secret),
    ...annotationErrors(secret, old !== undefined),
    ...(old === undefined ? [] : updateErrors(secret, old)),
    ...dataErrors(secret),
  ];
  if (errors.length > 0) throw invalid('Secret', secret.metadata.name, errors);
}

function notConvertible({ metadata }: Secret): StatusError {
  const why =
    'unable to convert unstructured object to /v1, Kind=Secret: error decoding from json: illegal base64 data';
  const what = `failed to convert new object (/${metadata.name}; /v1, Kind=Secret) to proper version`;
  return new StatusError(500, '', `${what}: ${why} at input byte 0`);
}

function metadataErrors({ metadata }: Secret): FieldError[] {
  const errors: FieldError[] = [];
  if (!subdomain.test(metadata.name)) {
    errors.push(wrong('metadata.name', metadata.name, subdomainRule));
  }
  for (const value of Object.values(metadata.labels ?? {})) {
    if (!labelValue.test(value)) errors.push(wrong('metadata.labels', value, labelRule));
  }
  return errors;
}

function annotationErrors({ metadata }: Secret, isUpdate: boolean): FieldError[] {
  const annotations = Object.entries(metadata.annotations ?? {}).flat();
  const bytes = annotations.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= maxAnnotationBytes) return [];
  const detail = `Too long: may not be more than ${maxAnnotationBytes} bytes`;
  const error: FieldError = { reason: 'FieldValueTooLong', field: 'metadata.annotations', detail };
  // an update is validated by all that a create is, and more than once
  return Array.from({ length: isUpdate ? 4 : 1 }, () => error);
}

function updateErrors(secret: Secret, old: Secret): FieldError[] {
  const errors: FieldError[] = [];
  if (secret.type !== old.type) errors.push(wrong('type', secret.type ?? '', 'field is immutable'));
  if (!old.immutable) return errors;
  const detail = 'Forbidden: field is immutable when `immutable` is set';
  if (!secret.immutable) errors.push({ reason: 'FieldValueForbidden', field: 'immutable', detail });
  if (!sameData(secret, old)) errors.push({ reason: 'FieldValueForbidden', field: 'data', detail });
  return errors;
}

function dataErrors({ type, data = {}, metadata }: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    bytes += Buffer.byteLength(value, 'base64');
    if (!dataKey.test(key)) errors.push(wrong(`data[${key}]`, key, dataKeyRule));
  }
  if (bytes > maxDataBytes) {
    const detail = `Too long: may not be more than ${maxDataBytes} bytes`;
    errors.push({ reason: 'FieldValueTooLong', field: 'data', detail });
  }
  if (type === 'kubernetes.io/dockerconfigjson')
    errors.push(...dockerConfigErrors(data['.dockerconfigjson']));
  const account = 'kubernetes.io/service-account.name';
  if (type === 'kubernetes.io/service-account-token' && !metadata.annotations?.[account]) {
    errors.push(missing(`metadata.annotations[${account}]`));
  }
  return errors;
}

function dockerConfigErrors(value: string | undefined): FieldError[] {
  const field = 'data[.dockerconfigjson]';
  if (value === undefined) return [missing(field)];
  const why = whyNoJsonMap(Buffer.from(value, 'base64').toString());
  return why === undefined ? [] : [wrong(field, '<secret contents redacted>', why)];
}

/** What Go says of a text that it cannot read into a `map[string]interface{}`; for broken JSON, of one that ends too early. */
function whyNoJsonMap(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && !Array.isArray(value)) return undefined;
    const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    return `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
  } catch {
    return 'unexpected end of JSON input';
  }
}

function wrong(field: string, value: string, why: string): FieldError {
  return { reason: 'FieldValueInvalid', field, detail: `Invalid value: ${JSON.stringify(value)}: ${why}` };
}

function missing(field: string): FieldError {
  return { reason: 'FieldValueRequired', field, detail: 'Required value' };
}

function isBase64(value: string): boolean {
  return Buffer.from(value, 'base64').toString('base64') === value;
}

function sameData({ data: one = {} }: Secret, { data: other = {} }: Secret): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
