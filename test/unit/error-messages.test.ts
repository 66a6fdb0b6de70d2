import { expect, test } from 'vitest';
import { readErrors, readOutcomes } from '../../generate-docs/errors.ts';
import { errorNames, readDeclarations } from '../mutants/declarations.ts';

const errors = readErrors();

test('no code of an error is missing', () => {
  // ApiError is no HelperError: it is always turned into an error or an outcome
  const codes = errorNames(readDeclarations('.')).filter((code) => code !== 'ApiError');
  expect(codes.length).toBeGreaterThan(40);
  expect([...new Set(errors.map(({ kind }) => kind))].toSorted()).toEqual(codes.toSorted());
});

test('a problem ends without a full stop, and a fix begins with a capital letter', () => {
  const messages = [...errors, ...readOutcomes()];
  expect(messages.flatMap(({ problems }) => problems).filter((text) => /\.$|^$/.test(text))).toEqual([]);
  expect(errors.flatMap(({ fixes }) => fixes).filter((text) => !/^[A-Z]/.test(text))).toEqual([]);
});

test('an outcome has a remedy, or passes on that of an error', () => {
  const fixes = readOutcomes().flatMap(({ fixes }) => fixes);
  expect(fixes.filter((text) => !/^[A-Z]/.test(text))).toEqual(['<remedy>']);
});
