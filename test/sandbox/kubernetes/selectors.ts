import { badRequest } from './status.ts';
import { subdomain } from './validation.ts';

type Labels = Record<string, string>;
type Test = (labels: Labels) => boolean;

const LABEL_NAME = '(?:[A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]';
const KEY = `(?:${subdomain.source.slice(1, -1)}/)?${LABEL_NAME}`;
const LABEL_KEY = new RegExp(`^${KEY}$`);
const LABEL_VALUE = new RegExp(`^(?:${LABEL_NAME})?$`);
const SPACE = '[ \\t\\r\\n]*';
const BLANK = new RegExp(`^${SPACE}|${SPACE}$`, 'g');
const trim = (text: string) => text.replace(BLANK, '');

/**
 * A label selector as a test: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, `a>1`, `a<1`, joined by
 * commas. As in Kubernetes, `!=` and `notin` also take objects without the label.
 * @throws StatusError 400 when it cannot be understood.
 */
export function parseLabelSelector(selector: string): Test {
  if (trim(selector) === '') return () => true;
  // A comma inside parentheses separates values, not requirements.
  const tests = selector.split(/,(?![^(]*\))/).map(parseRequirement);
  return (labels) => tests.every((test) => test(labels));
}

const REQUIREMENT = new RegExp(
  `^${SPACE}(?:(?<not>!)${SPACE})?(?<key>[^ \\t\\r\\n=!<>()]+)${SPACE}` +
    `(?:(?<=[ \\t\\r\\n])(?<set>in|notin)${SPACE}\\((?<list>[^()]*)\\)|(?<operator>==?|!=|<|>)(?<value>[^=!<>()]*))?${SPACE}$`,
);

function parseRequirement(text: string): Test {
  const { not, key = '', set, list = '', operator, value = '' } = REQUIREMENT.exec(text)?.groups ?? {};
  const values = (set ? list.split(',') : [value]).map(trim);
  const isInteger = /^\d+$/.test(trim(value)) && BigInt(trim(value)) < 2n ** 63n;
  const isOrder = operator === '<' || operator === '>';
  if (
    !LABEL_KEY.test(key) ||
    !values.every((one) => LABEL_VALUE.test(one)) ||
    (not && (set ?? operator)) ||
    (isOrder && !isInteger)
  ) {
    throw badRequest(`unable to parse requirement: found '${text}', expected: an operator`);
  }
  if (isOrder) {
    return ({ [key]: label = '' }) => {
      if (!/^[+-]?\d+$/.test(label)) return false;
      const [one, other] = [BigInt(label), BigInt(trim(value))];
      return operator === '<' ? one < other : one > other;
    };
  }
  if (!set && !operator) return (labels) => key in labels !== (not === '!');
  const isIn = (labels: Labels) => labels[key] !== undefined && values.includes(labels[key]);
  return set === 'notin' || operator === '!=' ? (labels) => !isIn(labels) : isIn;
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
