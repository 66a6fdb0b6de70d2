import { forbidden, StatusError } from './status.ts';

/** Who the server takes a caller for. */
export interface User {
  username: string;
  groups: string[];
}

/** What a request asks for, as Kubernetes' RequestInfo: a resource, or a path that is none. */
export interface Attributes {
  verb: string;
  path: string;
  apiGroup: string;
  /** Empty for a path that is no resource. */
  resource: string;
  namespace: string;
  name: string;
}

/** A rule of a ClusterRole or Role. */
interface Rule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

interface Role {
  kind: string;
  metadata: { name: string; namespace?: string };
  rules?: Rule[];
  roleRef?: { kind: string; name: string };
  subjects?: { kind: string; name: string }[];
}

/** https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles */
const BUILT_IN: readonly Role[] = [
  {
    kind: 'ClusterRole',
    metadata: { name: 'system:basic-user' },
    rules: [
      {
        apiGroups: ['authorization.k8s.io'],
        resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
        verbs: ['create'],
      },
      { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
    ],
  },
  {
    kind: 'ClusterRoleBinding',
    metadata: { name: 'system:basic-user' },
    roleRef: { kind: 'ClusterRole', name: 'system:basic-user' },
    subjects: [{ kind: 'Group', name: 'system:authenticated' }],
  },
];

const verbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch' };

/** What a request asks for. */
export function attributesOf(method: string, path: string, query: URLSearchParams): Attributes {
  const core = /^\/api\/v1\/(.+)$/.exec(path);
  const group = /^\/apis\/([^/]+)\/[^/]+\/(.+)$/.exec(path);
  const rest = core?.[1] ?? group?.[2];
  const none = { path, apiGroup: '', resource: '', namespace: '', name: '', verb: method.toLowerCase() };
  if (rest === undefined) return none;
  const parts = rest.split('/').map(decodeURIComponent);
  const isInNamespace = parts[0] === 'namespaces' && parts.length > 2;
  const [resource = '', name = ''] = isInNamespace ? parts.slice(2) : parts;
  // A list of one exact name asks for that name only, so a rule with resourceNames can allow it.
  const selected = /^metadata\.name==?([^,]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
  return {
    verb: verbOf(method, name, query),
    path,
    apiGroup: group?.[1] ?? '',
    resource,
    namespace: isInNamespace || (resource === 'namespaces' && name !== '') ? (parts[1] ?? '') : '',
    name: name === '' && method === 'GET' ? selected : name,
  };
}

function verbOf(method: string, name: string, query: URLSearchParams): string {
  if (method === 'DELETE') return name === '' ? 'deletecollection' : 'delete';
  if (method !== 'GET' && method !== 'HEAD') return verbs[method] ?? method.toLowerCase();
  if (/^(1|true)$/.test(query.get('watch') ?? '')) return 'watch';
  return name === '' ? 'list' : 'get';
}

/**
 * RBAC: lets the request pass if a ClusterRole in the manifest, or a Role of its namespace, is bound to the user and
 * allows it.
 * @throws StatusError 403 in the server's words.
 */
export function authorize(user: User, attributes: Attributes, manifest: readonly object[]): void {
  if (user.groups.includes('system:masters') || allowance(user, attributes, manifest) !== undefined) return;
  const { verb, path, resource, apiGroup, namespace, name } = attributes;
  const who = `User ${JSON.stringify(user.username)} cannot ${verb}`;
  if (resource === '') {
    const details = {};
    throw new StatusError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(path)}`, { details });
  }
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const what = `resource ${JSON.stringify(resource)} in API group ${JSON.stringify(apiGroup)}`;
  throw forbidden({ resource, group: apiGroup, name }, `${who} ${what} ${where}`);
}

/** Why RBAC allows what is asked for, in the server's words; undefined where it does not. */
export function allowance(
  user: User,
  attributes: Attributes,
  manifest: readonly object[],
): string | undefined {
  const objects = [...BUILT_IN, ...(manifest as Role[])];
  for (const binding of objects) {
    const subject = binding.subjects?.find((one) => isSubject(one, user));
    const { name, namespace } = binding.metadata;
    const isHere = binding.kind === 'RoleBinding' && namespace === attributes.namespace;
    if (!(isHere || binding.kind === 'ClusterRoleBinding') || !subject) continue;
    const role = objects.find(
      ({ kind, metadata }) =>
        kind === binding.roleRef?.kind &&
        metadata.name === binding.roleRef.name &&
        (kind === 'ClusterRole' || metadata.namespace === namespace),
    );
    if (role?.rules?.some((rule) => allows(rule, attributes))) {
      const of = isHere ? `${name}/${namespace}` : name;
      return `RBAC: allowed by ${binding.kind} "${of}" of ${role.kind} "${role.metadata.name}" to ${subject.kind} "${subject.name}"`;
    }
  }
  return undefined;
}

function isSubject(subject: { kind: string; name: string }, user: User): boolean {
  return subject.kind === 'Group' ? user.groups.includes(subject.name) : subject.name === user.username;
}

function allows(rule: Rule, { verb, path, apiGroup, resource, name }: Attributes): boolean {
  if (!has(rule.verbs, verb)) return false;
  if (resource === '') return has(rule.nonResourceURLs, path);
  const isNamed = !rule.resourceNames?.length || rule.resourceNames.includes(name);
  return has(rule.apiGroups, apiGroup) && has(rule.resources, resource) && isNamed;
}

function has(values: string[] | undefined, value: string): boolean {
  return values?.some((one) => one === '*' || one === value) ?? false;
}
