import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SettingsError } from '../../../lambda/errors.ts';
import { checkSettings, readSettings } from '../../../lambda/settings/rules.ts';
import { mutated } from '../mutated.ts';
import { examples } from './examples.ts';

test('whatever the JSON, it is settings or a SettingsError, and soon', () => {
  const json = fc.jsonValue();
  const glob = fc.array(fc.constantFrom('a', '*', 'b')).map((all) => all.join(''));
  const nearly = fc.record(
    {
      name: fc.oneof(fc.string(), json),
      clusters: fc.oneof(
        fc.array(
          fc.record({ name: fc.oneof(glob, json), id: fc.oneof(glob, json) }, { requiredKeys: ['name'] }),
        ),
        json,
      ),
      secrets: fc.oneof(
        fc.array(
          fc.record(
            { clusters: fc.oneof(fc.array(glob), json), registries: json, namespaces: json, name: json },
            { requiredKeys: [] },
          ),
        ),
        json,
      ),
      schedule: fc.oneof(
        json,
        fc
          .array(
            fc.constantFrom('cron(', 'rate(', '0', '00', '/', '8', '*', '?', ' ', ' * * ? *)', ' hours)'),
          )
          .map((all) => all.join('')),
      ),
      concurrency: fc.oneof(fc.double(), json),
      vpc: json,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(json, nearly), (input) => {
      try {
        checkSettings(input);
      } catch (error) {
        expect(error).toBeInstanceOf(SettingsError);
      }
    }),
    { numRuns: 300 },
  );
});

// one pattern that backtracks without end would not come to the end of this either
test('valid settings with a few changes are settings or a SettingsError', () => {
  const files = globSync('examples/*/settings.json').map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const documents = [...examples.map(([, input]) => input), ...files];
  expect(documents.length).toBeGreaterThan(examples.length);
  fc.assert(
    fc.property(mutated(documents), fc.nat(), (input, cut) => {
      const text = JSON.stringify(input);
      for (const SETTINGS of [text, text.slice(0, cut % (text.length + 1))]) {
        try {
          expect(readSettings({ SETTINGS }).clusters.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(SettingsError);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
