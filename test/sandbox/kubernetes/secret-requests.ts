import type { Attributes, User } from './authorization.ts';
import type { Secret } from './objects.ts';
import { badRequest, invalidOptions, type OptionsKind, StatusError } from './status.ts';

/** A request for one secret. */
export interface SecretRequest {
  user: User;
  attributes: Attributes;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: string;
  /** Whether the webhook of its namespace has answered. */
  hasWaited?: boolean;
}

/** How an apply is meant. */
export interface ApplyOptions {
  manager: string;
  force: boolean;
  dryRun: boolean;
}

/** How a deletion is meant; without a uid or resourceVersion for whatever is there. */
export interface DeleteOptions {
  uid?: string;
  resourceVersion?: string;
  dryRun: boolean;
}

const maxManagerBytes = 128;

/**
 * The options of an apply.
 * @throws StatusError 415 for another patch type, 422 for options that are wrong.
 */
export function readApplyOptions({ headers, query }: SecretRequest): ApplyOptions {
  const type = headers['content-type']?.split(';')[0]?.trim();
  if (type !== 'application/apply-patch+yaml') {
    throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  }
  const manager = query.get('fieldManager') ?? '';
  if (manager === '') {
    const detail = 'Required value: is required for apply patch';
    throw invalidOptions('PatchOptions', { reason: 'FieldValueRequired', field: 'fieldManager', detail });
  }
  if (Buffer.byteLength(manager) > maxManagerBytes) {
    const detail = `Too long: may not be more than ${maxManagerBytes} bytes`;
    throw invalidOptions('PatchOptions', { reason: 'FieldValueTooLong', field: 'fieldManager', detail });
  }
  // Any word but these two is true to the server, also none.
  const force = query.has('force') && !/^(0|false)$/i.test(query.get('force') ?? '');
  return { manager, force, dryRun: isDryRun('PatchOptions', query.getAll('dryRun')) };
}

/**
 * The options of a deletion: those of the body, and only if there is none those of the query.
 * @throws StatusError 400 for a body that is no JSON, 422 for options that are wrong.
 */
export function readDeleteOptions({ body, query }: SecretRequest): DeleteOptions {
  if (body === '') return { dryRun: isDryRun('DeleteOptions', query.getAll('dryRun')) };
  const why = "couldn't get version/kind; json parse error: unexpected end of JSON input";
  const { dryRun = [], preconditions = {} } = readJson(body, why) as {
    dryRun?: string[];
    preconditions?: Omit<DeleteOptions, 'dryRun'>;
  };
  return { ...preconditions, dryRun: isDryRun('DeleteOptions', dryRun) };
}

/** Whether the options of a request say that nothing shall be written. */
export function isDryRun(kind: OptionsKind, values: readonly string[]): boolean {
  if (values.some((value) => value !== 'All')) {
    const detail = `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`;
    throw invalidOptions(kind, { reason: 'FieldValueNotSupported', field: 'dryRun', detail });
  }
  return values.length > 0;
}

/** `why` is the server's text for JSON that ends too early: what is none at all has hardly come from the product. */
function readJson(body: string, why: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest(why);
  }
}

/**
 * The object of an apply, its namespace taken from the URL if it has none.
 * @throws StatusError 400 if it is no Secret, or no or another name or namespace than the URL has.
 */
export function readConfig({ body, attributes }: SecretRequest): Secret {
  const why = 'error converting YAML to JSON: yaml: found unexpected end of stream';
  const config = readJson(body, `error decoding YAML: ${why}`) as Secret | null;
  const { namespace, name } = attributes;
  if (config?.apiVersion !== 'v1' || config.kind !== 'Secret') {
    throw badRequest(`invalid object type: /${config?.apiVersion}, Kind=${config?.kind}`);
  }
  const { metadata } = config;
  if (!metadata?.name) {
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if ((metadata.namespace ?? namespace) !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  return { ...config, metadata: { ...metadata, name } };
}
