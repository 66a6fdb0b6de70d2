import { guard, putNamespace, removeNamespace, type Ship } from './fleet.ts';
import { hold } from './holdings.ts';
import { GUARDS, type Guard, SECRETS, type WorldChange } from './schedule.ts';

/** Does what others do in a cluster while the function writes. */
export function applyChange({ namespace, what }: WorldChange, ship: Ship): void {
  const found = ship.namespaces.get(namespace);
  if (what === 'appear') {
    if (!found) putNamespace(ship, namespace, { labels: {}, terminating: false });
    return;
  }
  if (!found) return;
  if (what === 'vanish') removeNamespace(ship, namespace);
  else if (what === 'terminate') putNamespace(ship, namespace, { ...found, terminating: true });
  else if (isGuard(what)) guard(ship, namespace, what);
  else for (const secret of SECRETS) changeSecret(what, ship, namespace, secret);
}

function changeSecret(what: WorldChange['what'], { api }: Ship, namespace: string, secret: string): void {
  const there = api.secret(namespace, secret);
  if (!there) return;
  if (what === 'freeze-secret') {
    const { data = {}, type = '', metadata } = there;
    const { labels = {}, annotations = {} } = metadata;
    api.putSecret(namespace, secret, {
      data,
      type,
      labels,
      annotations,
      immutable: true,
      manager: 'kubectl-edit',
    });
    return;
  }
  // another type or immutable data takes another object, as on a real server
  if (what !== 'take-secret' || there.immutable || there.type === 'Opaque')
    api.removeSecret(namespace, secret);
  if (what !== 'delete-secret') {
    hold(api, namespace, secret, what === 'take-secret' ? 'somebody' : 'wrong-type', '');
  }
}

function isGuard(what: string): what is Guard {
  return (GUARDS as readonly string[]).includes(what);
}
