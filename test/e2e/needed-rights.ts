import type { RecordedRequest } from './recording-proxy.ts';

/** One verb on one type of object, and on one name where a rule names some: as `patch secrets/ecr-docker-creds`. */
export type Right = string;

export interface ClusterRole {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** Every right that a role holds, one by one. */
export function rightsOf({ rules }: ClusterRole): Right[] {
  const rights = rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((type) => {
        const resource = group === '' ? type : `${type}.${group}`;
        const names = resourceNames?.map((name) => `${resource}/${name}`) ?? [resource];
        return verbs.flatMap((verb) => names.map((name) => `${verb} ${name}`));
      }),
    ),
  );
  return [...new Set(rights)].sort();
}

/** The rights that the API server asked for before it answered these requests well. */
export function neededRights(requests: readonly RecordedRequest[]): Right[] {
  const granted = requests.filter(({ status }) => status < 300);
  return [...new Set(granted.flatMap(askedFor))].sort();
}

/** The role without one of its rights. */
export function without({ rules }: ClusterRole, right: Right): ClusterRole {
  const single = rules.flatMap(({ verbs, resourceNames, ...rule }) =>
    verbs.flatMap((verb) =>
      (resourceNames ?? [undefined]).map((name) => ({
        ...rule,
        verbs: [verb],
        ...(name && { resourceNames: [name] }),
      })),
    ),
  );
  return { rules: single.filter((rule) => !rightsOf({ rules: [rule] }).includes(right)) };
}

function askedFor({ method, url, status }: RecordedRequest): Right[] {
  const path = /^\/api\/v1\/(?:namespaces\/[^/]+\/(?=.))?([^/]+)(?:\/([^/]+))?$/.exec(url.pathname);
  if (!path) throw new Error(`${method} ${url.pathname} is no object's path`);
  const [, type, named] = path;
  // the role lists namespaces whatever their names, and other objects by one exact name
  const selector = type === 'namespaces' ? '' : (url.searchParams.get('fieldSelector') ?? '');
  const name = named ?? /^metadata\.name=([^,]+)$/.exec(selector)?.[1];
  const object = name ? `${type}/${name}` : type;
  const verbs: Record<string, string[]> = {
    GET: [named ? 'get' : 'list'],
    // an apply that makes the object is asked for both
    PATCH: status === 201 ? ['create', 'patch'] : ['patch'],
    POST: ['create'],
    PUT: ['update'],
    DELETE: [named ? 'delete' : 'deletecollection'],
  };
  return (verbs[method] ?? [method]).map((verb) => `${verb} ${object}`);
}
