import { type Call, list, type Statement, verdict } from './iam.ts';

/** One action on one resource that a statement allows. */
interface Right {
  readonly name: string;
  readonly statement: Statement;
}

/** The rights of a policy that none of the calls needs, by name: `STATEMENT: ACTION on RESOURCE`. */
export async function unusedRights(policy: Statement[], calls: Call[]): Promise<string[]> {
  const unused: string[] = [];
  for (const { name, statement } of rights(policy)) {
    const needed = calls.filter(({ action }) => list(statement.Action).includes(action));
    const verdicts = await Promise.all(needed.map((call) => verdict([statement], call)));
    if (!verdicts.includes('allowed')) unused.push(name);
  }
  return unused;
}

/** @throws {Error} for an action with a wildcard, which would allow more than is asked for here */
function rights(policy: Statement[]): Right[] {
  return policy
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap((statement) => {
      const actions = list(statement.Action);
      if (statement.NotAction !== undefined || actions.some((action) => action.includes('*'))) {
        throw new Error(`${statement.Sid} allows more actions than it names`);
      }
      return actions.flatMap((Action) =>
        list(statement.Resource).map((Resource) => ({
          name: `${statement.Sid ?? 'grant'}: ${Action} on ${Resource}`,
          statement: { ...statement, Action, Resource },
        })),
      );
    });
}
