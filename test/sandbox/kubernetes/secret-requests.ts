import type { Attributes, User } from './authorization.ts';
import type { Secret } from './objects.ts';
import { badRequest, invalidPatchOptions, StatusError } from './status.ts';

/** A request for one secret. */
export interface SecretRequest {
  user: User;
  attributes: Attributes;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: string;
}

/**
 * The field manager of an apply.
 * @throws StatusError 415 for another patch type, 422 without a manager.
 */
export function readManager({ headers, query }: SecretRequest): string {
  const type = headers['content-type']?.split(';')[0]?.trim();
  if (type !== 'application/apply-patch+yaml') {
    throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  }
  const manager = query.get('fieldManager') ?? '';
  if (manager === '') {
    const detail = 'Required value: is required for apply patch';
    throw invalidPatchOptions({ reason: 'FieldValueRequired', field: 'fieldManager', detail });
  }
  return manager;
}

/** Whether nothing is to be written. */
export function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun');
  if (values.some((value) => value !== 'All')) {
    const detail = `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`;
    throw invalidPatchOptions({ reason: 'FieldValueNotSupported', field: 'dryRun', detail });
  }
  return values.length > 0;
}

function readJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The real server reads YAML; what is no JSON has hardly come from the product.
    const why = 'error converting YAML to JSON: yaml: found unexpected end of stream';
    throw badRequest(`error decoding YAML: ${why}`);
  }
}

/**
 * The object of an apply, its name and namespace taken from the URL where it has none.
 * @throws StatusError 400 if it is no Secret, or another one than the URL says.
 */
export function readConfig({ body, attributes }: SecretRequest): Secret {
  const config = readJson(body) as Secret | null;
  const { namespace, name } = attributes;
  if (config?.apiVersion !== 'v1' || config.kind !== 'Secret') {
    throw badRequest(`invalid object type: /${config?.apiVersion}, Kind=${config?.kind}`);
  }
  const { metadata } = config;
  if ((metadata?.name ?? name) !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if ((metadata?.namespace ?? namespace) !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (metadata?.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  return { ...config, metadata: { ...metadata, name } };
}

/** Which object a deletion is meant for; empty if any will do. */
export function readPreconditions({ body }: SecretRequest): { uid?: string; resourceVersion?: string } {
  const options = readJson(body === '' ? '{}' : body) as {
    preconditions?: { uid?: string; resourceVersion?: string };
  };
  return options.preconditions ?? {};
}
