import { type Mutant, SIMULATION } from './mutate.ts';

/** Defects of what writes the secrets of a cluster and reads the answers. */
export const ofWrites: readonly Mutant[] = [
  {
    name: 'retry for ever',
    file: 'lambda/cluster/backoff.ts',
    find: 'if (!passing || (!throttled && now - failed.firstAt >= PATIENCE_MS)) return undefined;',
    replace: 'if (!passing) return undefined;',
    harm: 'a server that is away takes the time of all other writes',
    caughtBy: ['test/unit/cluster/backoff.test.ts', 'test/integration/writes.test.ts'],
  },
  {
    name: 'ignore Retry-After',
    file: 'lambda/cluster/backoff.ts',
    find: 'const asked = askedWait(failed.retryAfter, now);',
    replace: 'const asked = askedWait(undefined, now);',
    harm: 'a server that is too busy gets more to do',
    caughtBy: ['test/unit/cluster/backoff.test.ts', 'test/integration/writes.test.ts'],
  },
  {
    name: 'wait beyond the deadline',
    file: 'lambda/cluster/backoff.ts',
    find: 'return now + delay < failed.deadline ? delay : undefined;',
    replace: 'return delay;',
    harm: 'what kept a write from being done is told as a deadline',
    caughtBy: ['test/unit/cluster/backoff.test.ts'],
  },
  {
    name: 'keep the API’s message',
    file: 'lambda/cluster/answer.ts',
    find: 'if (name) return { what, name };',
    replace: 'if (name) return { what, name: message };',
    harm: 'a webhook that echoes the object puts the token into the report',
    caughtBy: ['test/integration/writes.test.ts', SIMULATION],
  },
  {
    name: 'adopt from anybody',
    file: 'lambda/cluster/verdict.ts',
    find: "if (others.length === 0 || adoptFrom.includes('*')) return 'adopt';",
    replace: "if (others.length >= 0 || adoptFrom.includes('*')) return 'adopt';",
    harm: 'the secret of another team is overwritten',
    caughtBy: ['test/integration/entries.test.ts'],
  },
  {
    name: 'count blocked as fresh',
    file: 'lambda/cluster/verdict.ts',
    find: `  if (deniedBy) {
    return {
      outcome: 'blocked',`,
    replace: `  if (deniedBy) {
    return {
      outcome: 'unchanged',`,
    harm: 'nobody learns that a namespace has no token',
    caughtBy: ['test/integration/writes.test.ts', SIMULATION],
  },
  {
    name: 'delete before apply',
    file: 'lambda/cluster/pull-secret.ts',
    find: `return await this.#apply(namespace, false);
    } catch (fault) {
      if (!(`,
    replace: `await this.#core.deleteNamespacedSecret({ name: this.name, namespace }, ACCEPT).catch(() => undefined);
      return await this.#apply(namespace, false);
    } catch (fault) {
      if (!(`,
    harm: 'pods that start between the two cannot pull',
    caughtBy: ['test/integration/refresh.test.ts', SIMULATION],
  },
  {
    name: 'force every conflict',
    file: 'lambda/cluster/pull-secret.ts',
    find: `return await this.#apply(namespace, false);
    } catch (fault) {
      if (!(`,
    replace: `return await this.#apply(namespace, true);
    } catch (fault) {
      if (!(`,
    harm: 'the secret of another team is overwritten',
    caughtBy: ['test/integration/entries.test.ts', SIMULATION],
  },
  {
    name: 'recreate whatever is there',
    file: 'lambda/cluster/pull-secret.ts',
    find: "{ preconditions: { uid: metadata?.uid ?? '' }, ",
    replace: '{ ',
    harm: 'a secret that somebody made meanwhile is lost',
    caughtBy: ['test/integration/entries.test.ts'],
  },
  {
    name: 'give up where another run was faster',
    file: 'lambda/cluster/pull-secret.ts',
    find: 'code === 409 || (code === 404',
    replace: '(code === 404',
    harm: 'an older token stays until the next run, and a secret that is there is told as failed',
    caughtBy: ['test/integration/entries.test.ts'],
  },
  {
    name: 'take a slow answer for an old one',
    file: 'lambda/cluster/pull-secret.ts',
    find: 'this.#clock.now() - startedAt',
    replace: '0',
    harm: 'secrets that got a new token are told as unchanged',
    caughtBy: ['test/integration/writes.test.ts'],
  },
  {
    name: 'a plan writes',
    file: 'lambda/cluster/pull-secret.ts',
    find: "...(options.plan && { dryRun: 'All' }) };",
    replace: '};',
    harm: 'who only asks breaks every pull secret with a placeholder',
    caughtBy: ['test/integration/events.test.ts'],
  },
  {
    name: 'a plan deletes',
    file: 'lambda/cluster/pull-secret.ts',
    find: '...(dryRun && { dryRun: [dryRun] }) };',
    replace: '};',
    harm: 'who only asks loses the secrets that a refresh would replace',
    caughtBy: ['test/integration/entries.test.ts'],
  },
  {
    name: 'a plan shows the token',
    file: 'lambda/cluster/secret-body.ts',
    find: 'plan ? withPlaceholders(auths) : auths',
    replace: 'auths',
    harm: 'webhooks see a token in a run that writes none',
    caughtBy: ['test/integration/events.test.ts'],
  },
  {
    name: 'trust any certificate',
    file: 'lambda/cluster/transport.ts',
    find: 'rejectUnauthorized: true',
    replace: 'rejectUnauthorized: false',
    harm: 'whoever stands between takes the bearer token and every pull secret',
    caughtBy: ['test/integration/bad-input.test.ts'],
  },
  {
    name: 'follow redirects',
    file: 'lambda/cluster/transport.ts',
    find: 'await exchange(this.#agent, {',
    replace: `await exchange(
        this.#agent.compose((await import('undici')).interceptors.redirect({ maxRedirections: 3 })), {`,
    harm: 'the body with the token goes where an answer says',
    caughtBy: ['test/integration/writes.test.ts'],
  },
  {
    name: 'a 401 is never renewed',
    file: 'lambda/cluster/transport.ts',
    find: 'tokens.forget(token);',
    replace: '',
    harm: 'a role whose session ended early fails the rest of the cluster',
    caughtBy: ['test/integration/writes.test.ts'],
  },
  {
    name: 'put the secret in place of all others',
    file: 'lambda/cluster/service-accounts.ts',
    find: 'if (pullSecrets.length > 0)',
    replace: 'if (pullSecrets.length < 0)',
    harm: 'pods of that service account cannot pull from the registries of others',
    caughtBy: ['test/unit/cluster/service-accounts.test.ts', 'test/integration/service-accounts.test.ts'],
  },
  {
    name: 'patch whatever version is there',
    file: 'lambda/cluster/service-accounts.ts',
    find: 'const body = [test, ...operations];',
    replace: 'const body = operations;',
    harm: 'what somebody else put there a moment before is lost',
    caughtBy: ['test/integration/service-accounts.test.ts'],
  },
  {
    name: 'a service account that is nowhere is ok',
    file: 'lambda/cluster/link-accounts.ts',
    find: 'else if (!namespaces && !found.has(link)) this.#miss(link.entry.name, name);',
    replace: '',
    harm: 'a typo looks like success until pods cannot pull',
    caughtBy: ['test/integration/service-accounts.test.ts'],
  },
];
