/**
 * @peculiar/x509 injects its algorithms with tsyringe, which insists on the Reflect metadata API. None of
 * those constructors has injected parameters, so "no metadata" is the right answer to all it asks.
 * A real polyfill, if one is loaded, stays in place.
 */
if (!('getMetadata' in Reflect)) {
  Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined });
}
