import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HelperError } from '../../lambda/errors.ts';
import type { Answer } from '../../lambda/handler.ts';
import { ACTIONS } from '../../lambda/request.ts';
import type { World } from '../sandbox/world.ts';
import { clusterOf, deploy, invoke, refreshed } from './run.ts';
import { ALL_NAMESPACES, EXPECTED, REPOSITORY, SETTINGS } from './test-events.ts';

const FOLDER = 'test/events';
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const read = (file: string): unknown => JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8'));

describe('test/events', () => {
  it('has what is expected, and nothing else', () => {
    expect(files.map((file) => basename(file, '.json')).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  it('has a file for each action', () => {
    const asked = Object.values(EXPECTED).map(
      ({ answer }) => (answer as Partial<Answer> | undefined)?.action,
    );
    expect(ACTIONS.filter((action) => !asked.includes(action))).toEqual([]);
  });

  it.each(files)('%s gives what its name says', async (file) => {
    const expected = EXPECTED[basename(file, '.json')];
    if (!expected) throw new Error(`${file} has no expectation in test-events.ts`);
    const { answer, refused, changes = [], made } = expected;
    const world = await deployed();
    if (made) clusterOf(world, 'prod').addNamespace(made);
    const before = versions(world);

    const { value, error } = await invoke<Answer>(world, read(file));

    if (answer) expect(error ?? value).toMatchObject(answer);
    if (refused) {
      expect((error as HelperError).code).toBe(refused[0]);
      expect((error as HelperError).problem).toContain(refused[1]);
    }
    expect(changed(before, versions(world))).toEqual([...changes].sort());
  });

  it.each(files.filter((file) => file.endsWith('-queued.json')))(
    '%s is whole, as SQS would deliver it',
    (file) => {
      const { Records: records } = read(file) as { Records: { body: string; md5OfBody: string }[] };
      expect(records.map(({ body }) => createHash('md5').update(body).digest('hex'))).toEqual(
        records.map(({ md5OfBody }) => md5OfBody),
      );
    },
  );
});

/** Two clusters whose namespaces hold fresh secrets, one more of them than the settings cover by now. */
async function deployed(): Promise<World> {
  const world = await deploy(SETTINGS);
  world.aws.registries.repositories.set(REPOSITORY, true);
  for (const cluster of world.clusters.values()) {
    for (const name of ALL_NAMESPACES) cluster.addNamespace(name);
  }
  const before = JSON.stringify({ ...SETTINGS, secrets: [{}] });
  const { ok } = await refreshed({ ...world, env: { ...world.env, SETTINGS: before } });
  expect(ok).toBe(true);
  return world;
}

/** The version of every secret, by CLUSTER/NAMESPACE. */
function versions({ clusters }: World): Map<string, string | undefined> {
  const secrets = [...clusters].flatMap(([id, cluster]) =>
    cluster
      .secrets()
      .map(({ metadata }) => [`${id}/${metadata.namespace}`, metadata.resourceVersion] as const),
  );
  return new Map(secrets);
}

function changed(before: Map<string, string | undefined>, after: Map<string, string | undefined>): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => before.get(key) !== after.get(key)).sort();
}
