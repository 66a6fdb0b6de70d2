import type { ObjectMeta } from './objects.ts';
import { StatusError } from './status.ts';

/** Whether the caller wants whole objects or only their metadata. */
export type View = 'whole' | 'metadata';

const partialKinds = ['PartialObjectMetadata', 'PartialObjectMetadataList'];

/**
 * What an Accept header asks of an object of that kind.
 * @throws StatusError 406 for what cannot be served, or is for a list and the object is none, or the other way round.
 */
export function viewFor(accept: string | undefined, kind: string): View {
  const as = negotiate(accept);
  if (as === undefined) return 'whole';
  const isList = kind.endsWith('List');
  if (as.endsWith('List') === isList) return 'metadata';
  const what = isList ? 'a list' : 'not a list';
  const message = `you requested ${as}, but the requested object is ${what} (*core.${kind})`;
  throw new StatusError(406, 'NotAcceptable', message);
}

/**
 * The first in an Accept header that can be served: a metadata-only kind, or undefined for the object itself. The
 * server settles this before it does anything; whether the kind fits the object it finds out when it answers.
 * @throws StatusError 406 when there is none.
 */
export function negotiate(accept: string | undefined): string | undefined {
  for (const range of (accept ?? '*/*').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue;
    const values = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string]));
    const as = values.get('as');
    const isMeta = values.get('g') === 'meta.k8s.io' && values.get('v') === 'v1';
    if (as === undefined || (isMeta && partialKinds.includes(as))) return as;
  }
  const media = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const message = `406: Not Acceptable\n\nAvailable representations: ${media}`;
  throw new StatusError(406, 'NotAcceptable', message, { details: {} });
}

/** An object's metadata alone. */
export function toPartial(object: { metadata: ObjectMeta }) {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata } as const;
}
