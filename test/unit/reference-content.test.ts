import { describe, expect, test } from 'vitest';
import { DESCRIPTIONS, EVENT_SCHEMAS, eventFields } from '../../generate-docs/events.ts';

describe('the reference of events', () => {
  test('describes every field that the function reads, and no other', () => {
    const paths = new Set(EVENT_SCHEMAS.flatMap((schema) => eventFields(schema).map(({ path }) => path)));
    const described = Object.keys(DESCRIPTIONS).map((path) => path.replace(/^cleanup\./, ''));
    expect(new Set(described)).toEqual(paths);
    for (const description of Object.values(DESCRIPTIONS)) expect(description).toMatch(/^[A-Z].*[^.]\.$/);
  });
});
