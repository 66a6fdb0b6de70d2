import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Case } from './conformance/case.ts';
import { accessCases } from './conformance/cases/access.ts';
import { admissionCases } from './conformance/cases/admission.ts';
import { applyCases } from './conformance/cases/apply.ts';
import { conflictCases } from './conformance/cases/conflicts.ts';
import { deletionCases } from './conformance/cases/deletion.ts';
import { namespaceCases } from './conformance/cases/namespaces.ts';
import { reviewCases } from './conformance/cases/reviews.ts';
import { secretListCases } from './conformance/cases/secret-lists.ts';
import { serviceAccountCases } from './conformance/cases/service-accounts.ts';
import { validationCases } from './conformance/cases/validation.ts';
import { normalise } from './conformance/normalise.ts';
import { differenceByVersion, TITLES_BY_VERSION } from './conformance/other-versions.ts';
import { type Servers, startServers } from './conformance/servers.ts';

const groups: Readonly<Record<string, readonly Case[]>> = {
  access: accessCases,
  'a review of rights': reviewCases,
  'an apply': applyCases,
  'an apply over the secret of another': conflictCases,
  'an apply that is not let in': admissionCases,
  'an apply that is wrong': validationCases,
  'a deletion': deletionCases,
  'a list of namespaces': namespaceCases,
  'a list of secrets': secretListCases,
  'service accounts': serviceAccountCases,
};
const namespaces = new Map(
  Object.values(groups)
    .flat()
    .map((one, number) => [one, `case-${number}`]),
);

let servers: Servers;

beforeAll(async () => {
  servers = await startServers();
  for (const [one, name] of namespaces) {
    await servers.real.seeding.addNamespace(name, one.namespace);
    await servers.emulated.seeding.addNamespace(name, one.namespace);
  }
});

afterAll(() => servers?.stop());

test('each case that a version answers otherwise is one case', () => {
  const titles = [...namespaces.keys()].map(({ title }) => title);
  const counts = TITLES_BY_VERSION.map((title) => [title, titles.filter((one) => one === title).length]);
  expect(counts).toEqual(TITLES_BY_VERSION.map((title) => [title, 1]));
});

describe.for(Object.entries(groups))('%s', ([, group]) => {
  test.for(group)('$title', async (one) => {
    const namespace = namespaces.get(one) ?? '';
    const real = await servers.real.play(one, namespace);
    const emulated = await servers.emulated.play(one, namespace);
    const last = real.at(-1);
    const byVersion = differenceByVersion(one.title);
    expect(last?.code).toBe(byVersion?.code ?? one.code);
    if (one.quirk) expect(last?.body).toMatchObject(one.quirk);
    let [found, wanted] = [emulated, real];
    for (const difference of [one.known, byVersion]) {
      if (!difference) continue;
      const { reason, isSteady, without } = difference;
      if (isSteady) expect(normalise(found), reason).not.toEqual(normalise(wanted));
      [found, wanted] = [found.map(without), wanted.map(without)];
    }
    expect(normalise(found)).toEqual(normalise(wanted));
  });
});
