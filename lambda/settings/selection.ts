import { createHash } from 'node:crypto';
import type { ArgocdRepository, SecretEntry, Settings } from './schema.ts';

/** No selector that a person writes is longer. */
const LONGEST_SELECTOR = 3_500;
const SPACE = '[ \\t\\r\\n]*';
const WORD = '[^=!<>(), \\t\\r\\n]';
/** One requirement, up to the comma or the end: `key`, `!key`, `key in (values)` or `key = value`. */
const REQUIREMENT = new RegExp(
  `${SPACE}(?:(?<not>!)${SPACE})?(?<key>${WORD}+)(?!${WORD})${SPACE}` +
    `(?:(?:(?<set>in|notin)${SPACE}\\((?<list>[^()]*)\\)|(?<operator>[=!]?=|[<>])${SPACE}(?<value>${WORD}*))${SPACE})?` +
    '(?<end>,|$)',
  'gy',
);
const OUTER_SPACE = /^[ \t\r\n]+|[ \t\r\n]+$/g;
/** The name in a label key, and a label value that is not empty. */
const NAME = /^(?=.{1,63}$)[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?$/;
const LARGEST_INTEGER = 2n ** 63n - 1n;

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
export function isLabelValue(value: string): boolean {
  return value === '' || NAME.test(value);
}

/**
 * Parses a label selector as the API server does (`Parse` of https://pkg.go.dev/k8s.io/apimachinery/pkg/labels), in
 * time proportional to its length. Only an empty selector, which selects everything there, is rejected here.
 * @returns its requirements, all of which must hold, in one form for all spellings: `team=x`, `team == x` and
 *   `team in (x)` give `team in (x)`; undefined where the API server rejects the selector
 */
export function parseSelector(text: string): string[] | undefined {
  if (text.length > LONGEST_SELECTOR) return undefined;
  const matches = [...text.matchAll(REQUIREMENT)];
  const last = matches.at(-1);
  if (last?.groups?.end !== '' || last.index + last[0].length < text.length) return undefined;
  const requirements = matches.map(({ groups = {} }) => normalizeRequirement(groups));
  return requirements.every((requirement) => requirement !== undefined) ? requirements : undefined;
}

function normalizeRequirement(groups: Record<string, string | undefined>): string | undefined {
  const { not = '', key = '', set, list = '', operator, value = '' } = groups;
  const hasValues = (set ?? operator) !== undefined;
  if (!isLabelKey(key) || (not && hasValues)) return undefined;
  if (!hasValues) return `${not}${key}`;
  if (operator === '<' || operator === '>') {
    const isInteger = /^\d{1,63}$/.test(value) && BigInt(value) <= LARGEST_INTEGER;
    return isInteger ? `${key} ${operator} ${BigInt(value)}` : undefined;
  }
  // an empty list, or nothing between or beside commas, is the empty value
  const values = set ? list.split(',').map((one) => one.replace(OUTER_SPACE, '')) : [value];
  if (!values.every(isLabelValue)) return undefined;
  return `${key} ${set ?? (operator === '!=' ? 'notin' : 'in')} (${[...new Set(values)].sort().join()})`;
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
export function isLabelKey(key: string): boolean {
  const [name = '', prefix, ...more] = key.split('/').reverse();
  return NAME.test(name) && (prefix === undefined || SUBDOMAIN.test(prefix)) && more.length === 0;
}

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const LABELS = `${LABEL}(?:\\.${LABEL})*`;

/**
 * A DNS-1123 subdomain: the name of a secret or a service account, or the prefix of a label key.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
 */
export const SUBDOMAIN = new RegExp(`^(?=.{1,253}$)${LABELS}$`);

/** The host of a registry, with a port where it has one. */
export const REGISTRY_HOST = new RegExp(`^(?=[^:]{1,253}(?::|$))${LABELS}(?::\\d{1,5})?$`);

/** Whether one of the globs, in which `*` stands for any number of characters, matches the whole of `name`. */
export function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matches(glob, name));
}

/** Takes the first match of each literal; a regular expression with many stars would backtrack for very long. */
function matches(glob: string, name: string): boolean {
  const [head = '', ...literals] = glob.split('*');
  const tail = literals.pop();
  if (tail === undefined) return glob === name;
  if (!name.startsWith(head) || !name.endsWith(tail)) return false;
  let at = head.length;
  for (const literal of literals) {
    const found = name.indexOf(literal, at);
    if (found < 0) return false;
    at = found + literal.length;
  }
  return at + tail.length <= name.length;
}

/**
 * Whether one glob matches everything that another matches. This is so if it matches the other's text: only its own
 * stars can match the stars there, and these match any other characters too.
 */
export function containsGlob(glob: string, other: string): boolean {
  return matches(glob, other);
}

/** Whether some name may match both globs. */
export function overlap(one: string, other: string): boolean {
  if (!one.includes('*')) return matches(other, one);
  if (!other.includes('*')) return matches(one, other);
  const [head = '', otherHead = ''] = [one, other].map((glob) => glob.slice(0, glob.indexOf('*')));
  const [tail = '', otherTail = ''] = [one, other].map((glob) => glob.slice(glob.lastIndexOf('*') + 1));
  return (
    (head.startsWith(otherHead) || otherHead.startsWith(head)) &&
    (tail.endsWith(otherTail) || otherTail.endsWith(tail))
  );
}

/**
 * The pull secrets of `secrets` that cover a cluster, in their order.
 * @param cluster its id; for a discovered cluster its ARN, whose name the globs match
 */
export function entriesOf(settings: Pick<Settings, 'secrets'>, cluster: string): SecretEntry[] {
  return covering(settings, cluster).flatMap((entry) => ('type' in entry ? [] : entry));
}

/** The secrets of Argo CD repositories in a cluster. @param cluster as of {@link entriesOf} */
export function repositoriesOf(settings: Pick<Settings, 'secrets'>, cluster: string): ArgocdRepository[] {
  return covering(settings, cluster).flatMap((entry) => ('type' in entry ? entry : []));
}

function covering({ secrets }: Pick<Settings, 'secrets'>, cluster: string): Settings['secrets'] {
  const name = cluster.slice(cluster.lastIndexOf('/') + 1);
  return secrets.filter((entry) => matchesAny(entry.clusters, name));
}

/** Whether an entry's globs cover a namespace; the API server evaluates its selector. */
export function coversNamespace(entry: Pick<SecretEntry, 'namespaces'>, namespace: string): boolean {
  const { include, exclude } = entry.namespaces;
  return matchesAny(include, namespace) && !matchesAny(exclude, namespace);
}

type Namespaces = SecretEntry['namespaces'];

/** Whether an earlier entry covers every namespace that a later one covers. */
export function takesNamespaces(earlier: Namespaces, later: Namespaces): boolean {
  const isContained = (glob: string, globs: readonly string[]) =>
    globs.some((other) => containsGlob(other, glob));
  const left = later.include.filter((glob) => !isContained(glob, later.exclude));
  return (
    isNoNarrower(earlier.selector, later.selector) &&
    left.every((glob) => isContained(glob, earlier.include)) &&
    earlier.exclude.every(
      (glob) => isContained(glob, later.exclude) || !left.some((other) => overlap(other, glob)),
    )
  );
}

/** Whether a selector has no requirement that the other lacks. */
function isNoNarrower(selector: string | undefined, other: string | undefined): boolean {
  if (selector === undefined || selector === other) return true;
  const given = new Set(parseSelector(other ?? ''));
  return parseSelector(selector)?.every((requirement) => given.has(requirement)) ?? false;
}

/** What decides which namespaces receive the tokens of an entry. */
export type Audience = Pick<SecretEntry, 'name' | 'namespaces' | 'clusters'>;

/**
 * The suffix of the name of an entry's pull role: 8 hexadecimal digits, a hash of its audience. A token that was
 * issued for one audience thus never gets the permissions of another, and changed repositories apply to it at once.
 */
export function pullRoleKey({ name, namespaces, clusters }: Audience): string {
  const { include, exclude, selector = '' } = namespaces;
  const audience = [name, include.toSorted(), exclude.toSorted(), selector, clusters.toSorted()];
  return createHash('sha256').update(JSON.stringify(audience)).digest('hex').slice(0, 8);
}
