// Finds out whether the process is looking up a host name. Fastify listens on each address of "localhost", and looks them up only
// after its first listen().
//
// Undocumented part of Node: the name of a lookup among the resources of `process.getActiveResourcesInfo()`. Without it
// `hostLookupsDone` waits for a lookup of its own, which ends after those that have begun before, as a rule.

/** Resolves when no host name is being looked up. Never rejects. */
export async function hostLookupsDone(): Promise<void> {
  // As a rule nothing at all is under way, and node:dns need not be loaded.
  if (process.getActiveResourcesInfo().length === 0) return;
  if (!isLookingUp()) {
    const ownLookup = process.getBuiltinModule('node:dns/promises').lookup('localhost');
    // If this Node shows our lookup, it would have shown another one.
    const isShown = isLookingUp();
    await ownLookup.catch(() => {});
    if (!isShown) return;
  }
  while (isLookingUp()) await new Promise(setImmediate);
}

function isLookingUp(): boolean {
  return process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap');
}
