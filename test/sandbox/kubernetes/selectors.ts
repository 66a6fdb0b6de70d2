import { badRequest } from './status.ts';

type Labels = Record<string, string>;
type Test = (labels: Labels) => boolean;

/**
 * A label selector as a test: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas.
 * As in Kubernetes, `!=` and `notin` also take objects without the label.
 * @throws StatusError 400 when it cannot be understood.
 */
export function parseLabelSelector(selector: string): Test {
  // A comma inside parentheses separates values, not requirements.
  const requirements = selector.split(/,(?![^(]*\))/).map((text) => text.trim());
  const tests = requirements.filter((text) => text !== '').map(parseRequirement);
  return (labels) => tests.every((test) => test(labels));
}

function parseRequirement(text: string): Test {
  const set = /^([\w./-]+)\s+(in|notin)\s+\(([^()]*)\)$/.exec(text);
  if (set?.[1] !== undefined) {
    const [, key, operator] = set;
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    const isIn = (labels: Labels) => labels[key] !== undefined && values.includes(labels[key]);
    return operator === 'in' ? isIn : (labels) => !isIn(labels);
  }
  const equality = /^([\w./-]+)\s*(==?|!=)\s*([\w.-]*)$/.exec(text);
  if (equality?.[1] !== undefined) {
    const [, key, operator, value] = equality;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const exists = /^(!?)\s*([\w./-]+)$/.exec(text);
  if (exists?.[2] === undefined) {
    throw badRequest(`unable to parse requirement: found '${text}', expected: an operator`);
  }
  const [, not, key] = exists;
  return not === '!' ? (labels) => !(key in labels) : (labels) => key in labels;
}

/**
 * A field selector as a test; `fields` are those that the resource has.
 * @throws StatusError 400 when it cannot be understood or asks for another field.
 */
export function parseFieldSelector(selector: string, fields: readonly string[]): Test {
  const tests = selector
    .split(',')
    .filter((text) => text !== '')
    .map((text): Test => {
      const term = /^([^=!]+)(==?|!=)(.*)$/.exec(text);
      if (term?.[1] === undefined) {
        throw badRequest(`invalid selector: '${selector}'; can't understand '${text}'`);
      }
      const [, key, operator, value] = term;
      if (!fields.includes(key)) throw badRequest(`field label not supported: ${key}`);
      return (values) => (values[key] === value) === (operator !== '!=');
    });
  return (values) => tests.every((test) => test(values));
}
