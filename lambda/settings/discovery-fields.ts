import * as z from 'zod';
import { strict, type text } from '../schema.ts';

type Text = ReturnType<typeof text>;

/**
 * An element of `clusters` that stands for all clusters that are found by it.
 * @param field makes a field of a pattern, whose name completes "… is not"
 */
export function discoveryFields(
  field: (pattern: RegExp, what: string) => Text,
  { accountId, region }: { accountId: Text; region: Text },
) {
  const tag = strict({
    key: field(/^[\w .:/=+@-]{1,128}$/, 'the key of a tag'),
    value: field(/^[\w .:/=+@-]{0,256}$/, 'the value of a tag'),
  });
  const discover = strict({
    accounts: z.array(accountId).min(1).optional(),
    regions: z.array(region).min(1).optional(),
    names: z
      .array(
        field(/^[0-9A-Za-z*][\w*-]{0,99}$/, 'the name of an EKS cluster or a glob of one such as team-*'),
      )
      .min(1)
      .optional(),
    tag: tag.optional(),
    roleName: field(/^[\w+=,.@-]{1,64}$/, 'the name of a role').optional(),
  });
  return strict({ discover });
}
