import type { ObjectMeta } from './objects.ts';
import { StatusError } from './status.ts';

/** Whether the caller wants whole objects or only their metadata. */
export type View = 'whole' | 'metadata';

/**
 * What an Accept header asks for: the first kind in it that can be served. `kind` is the metadata-only kind
 * that fits the request.
 * @throws StatusError 406 when there is none.
 */
export function viewFor(
  accept: string | undefined,
  kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList',
): View {
  for (const range of (accept ?? '*/*').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue;
    const values = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string]));
    if (!values.has('as')) return 'whole';
    const isServed = values.get('g') === 'meta.k8s.io' && values.get('v') === 'v1';
    if (isServed && values.get('as') === kind) return 'metadata';
  }
  const media = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const message = `406: Not Acceptable\n\nAvailable representations: ${media}`;
  throw new StatusError(406, 'NotAcceptable', message, { details: {} });
}

/** An object's metadata alone. */
export function toPartial(object: { metadata: ObjectMeta }) {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata } as const;
}
