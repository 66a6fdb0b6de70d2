import {
  CoreV1Api,
  createConfiguration,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  setHeaderOptions,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import { codeOf, HelperError, hasCode } from '../errors.ts';
import { ApiError } from './api-error.ts';
import { CHECK_ENDPOINT } from './exchange.ts';
import {
  type ApiRequest,
  type ApiSuccess,
  LATER_TIMEOUT_MS,
  Transport,
  type TransportOptions,
} from './transport.ts';

const OBJECT_METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
/** Requests the metadata of one object alone: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
export const OBJECT_METADATA_ONLY = setHeaderOptions('Accept', OBJECT_METADATA);
/** The same for a list. */
export const METADATA_ONLY = setHeaderOptions(
  'Accept',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
);

const PAGE_SIZE = 500;
/** Ten times as many namespaces as Kubernetes supports. */
const MOST_ITEMS = 100_000;
/** How often a list may begin again because its pages have expired. */
const MOST_RESTARTS = 5;

/** Pages that are not full although there are more: an API server fills each, as far as is known. */
const MOST_SHORT_PAGES = 100;
/** It holds the key of an object. */
const LONGEST_CONTINUE = 4_096;
/** A uid or a resource version has fewer characters. */
const LONGEST_ID = 128;
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** A page of any list of the typed client; a metadata-only list with nothing in it has null for its items. */
interface Page<Item> {
  readonly metadata?: { readonly _continue?: string };
  readonly items: readonly Item[] | null;
}

/** What lists that are read together have given so far. */
interface Count {
  items: number;
  shortPages: number;
}

/** Requests one page of a list. */
type RequestPage<Item> = (page: { limit: number; _continue?: string }) => Promise<Page<Item>>;

/** What was read of lists, and why it is not all. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly fault?: unknown;
}

/**
 * Reads all items of lists.
 * @throws what the requests throw: ApiError, UnreachableError, LateAnswerError, AnswerTooLongError, DeadlineError
 */
export async function listAll<Item, Read>(
  lists: readonly RequestPage<Item>[],
  read: (item: Item) => Read,
): Promise<readonly Read[]> {
  const listed = await listMost(lists, read);
  if ('fault' in listed) throw listed.fault;
  return listed.items;
}

/**
 * Reads the items of lists, which are requested at once and page by page, as far as they come. A list whose pages
 * expired (410) begins again; a page that is too large is requested again with half as many items.
 * @returns with the first error where a list did not come to its end
 */
export async function listMost<Item, Read>(
  lists: readonly RequestPage<Item>[],
  read: (item: Item) => Read,
): Promise<Listed<Read>> {
  const count = { items: 0, shortPages: 0 };
  const listed = await Promise.all(lists.map((list) => readPages(list, read, count)));
  const failed = listed.find((one) => 'fault' in one);
  return { items: listed.flatMap(({ items }) => items), ...(failed && { fault: failed.fault }) };
}

async function readPages<Item, Read>(
  list: RequestPage<Item>,
  read: (item: Item) => Read,
  count: Count,
): Promise<Listed<Read>> {
  let items: Read[] = [];
  let limit = PAGE_SIZE;
  let restarts = 0;
  let shortPages = 0;
  for (let next: string | undefined = ''; next !== undefined; ) {
    try {
      const page: Page<Item> = await list({ limit, ...(next && { _continue: next }) });
      const found = itemsOf(page);
      next = page.metadata?._continue || undefined;
      for (const item of found) items.push(read(item));
      count.items += found.length;
      if (next !== undefined && found.length < limit) {
        count.shortPages += 1;
        shortPages += 1;
      }
      if (count.items > MOST_ITEMS) throw listTooLong(`${MOST_ITEMS} objects`);
      if (count.shortPages > MOST_SHORT_PAGES) {
        throw listTooLong(`${MOST_SHORT_PAGES} pages that were not full`);
      }
    } catch (fault) {
      if (hasCode(fault, 'ListTooLongError')) return { items: [], fault };
      if (hasCode(fault, 'AnswerTooLongError') && limit > 1) limit = Math.floor(limit / 2);
      else if (fault instanceof ApiError && fault.code === 410 && restarts < MOST_RESTARTS) {
        restarts += 1;
        count.items -= items.length;
        count.shortPages -= shortPages;
        shortPages = 0;
        items = [];
        next = '';
      } else if (fault instanceof HelperError || fault instanceof ApiError) return { items, fault };
      // the typed client and `read` take the form of an answer for granted
      else return { items: [], fault: brokenList(`an object that cannot be read (${codeOf(fault)})`) };
    }
  }
  return { items };
}

/** @param most as `100 objects` */
function listTooLong(most: string): HelperError {
  return new HelperError('ListTooLongError', `the API server listed more than ${most}`, CHECK_ENDPOINT);
}

/** The error of a list that no API server sends: of another form, or with names that Kubernetes does not allow. */
function brokenList(what: string): HelperError {
  return new HelperError('BrokenListError', `the API server sent a list with ${what}`, CHECK_ENDPOINT);
}

/**
 * The items of a page, of which the names are those of objects.
 * @throws BrokenListError
 */
function itemsOf<Item>({ items, metadata }: Page<Item>): readonly Item[] {
  if (items !== null && !Array.isArray(items)) throw brokenList('no items');
  const { _continue: next = '' } = metadata ?? {};
  if (typeof next !== 'string' || next.length > LONGEST_CONTINUE) {
    throw brokenList('an invalid continue token');
  }
  for (const item of items ?? []) {
    const { metadata: of } = (item ?? {}) as { metadata?: Readonly<Record<string, unknown>> };
    const { name, namespace = name, uid = '', resourceVersion = '' } = of ?? {};
    if (![name, namespace].every((one) => typeof one === 'string' && NAME.test(one))) {
      throw brokenList('an object whose name or namespace Kubernetes does not allow');
    }
    if (![uid, resourceVersion].every((one) => typeof one === 'string' && one.length <= LONGEST_ID)) {
      throw brokenList('an object whose uid or resource version is invalid');
    }
  }
  return items ?? [];
}

/** A PATCH of an object, which is answered with its metadata alone. @param type of the patch */
export function patchOf(
  { namespace, resource, name }: { namespace: string; resource: 'secrets' | 'serviceaccounts'; name: string },
  type: string,
  query: Readonly<Record<string, string>>,
  body: Buffer | string,
): ApiRequest {
  return {
    method: 'PATCH',
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/${resource}/${name}?${new URLSearchParams(query)}`,
    headers: { accept: OBJECT_METADATA, 'content-type': type },
    body,
  };
}

/** A way to send requests to an API server. */
export interface Requests {
  /** The typed client, for what is done a few times in a run. */
  readonly core: CoreV1Api;
  /** What is below it, for what is done in every namespace: see docs/adr/0007. */
  readonly send: (request: ApiRequest) => Promise<ApiSuccess>;
  /** How long they wait for an answer. */
  readonly timeoutMs: number;
}

/** A cluster whose API server can be called. Its requests are retried ({@link Transport.send}). */
export interface OpenCluster extends Requests {
  /** Only of an EKS cluster. */
  readonly arn?: string;
  /** Requests that are sent once, and wait so long for an answer ({@link Transport.attempt}). */
  readonly attempts: (timeoutMs: number) => Requests;
  /** Ends its connections; nothing may stay open when the function is frozen. */
  readonly close: () => Promise<void>;
}

/** Puts the typed client on a transport: its own library makes a TLS session a request and follows redirects. */
export function openCluster(options: TransportOptions): OpenCluster {
  const transport = new Transport(options);
  const requests = (timeoutMs: number, send: Requests['send']): Requests => ({
    send,
    timeoutMs,
    core: typedClient(options.endpoint.url, send),
  });
  return {
    ...requests(LATER_TIMEOUT_MS, (request) => transport.send(request)),
    attempts: (timeoutMs) => requests(timeoutMs, (request) => transport.attempt(request, timeoutMs)),
    close: () => transport.close(),
  };
}

function typedClient(url: string, send: Requests['send']): CoreV1Api {
  const sendTyped = async (request: RequestContext) => {
    const body = request.getBody();
    const { code, text } = await send({
      method: request.getHttpMethod() as ApiRequest['method'],
      path: request.getUrl().slice(url.length),
      headers: request.getHeaders(),
      ...(typeof body === 'string' && { body }),
    });
    const read = { text: async () => text, binary: async () => Buffer.from(text), stream: () => null };
    return new ResponseContext(code, { 'content-type': 'application/json' }, read);
  };
  const baseServer = new ServerConfiguration(url, {});
  return new CoreV1Api(createConfiguration({ baseServer, httpApi: wrapHttpLibrary({ send: sendTyped }) }));
}
