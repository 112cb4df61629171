// Waits for a module that goes on working after it has been loaded, for instance to connect to its database first.

/** Milliseconds after which the wait ends, whatever still runs. */
const MAX_WAIT = 10_000;
/** Milliseconds between two checks. */
const INTERVAL = 5;

/**
 * Call this before the module is loaded. Returns a function to call after it: its promise resolves when `isReady()` is true, or
 * when everything that the module has begun (timers, connections, reads) has ended, or after ten seconds.
 */
export function idleWaiter(isReady: () => boolean): () => Promise<void> {
  const before = activeResources();
  const isBusy = () => [...activeResources()].some(([kind, count]) => count > (before.get(kind) ?? 0));
  return async () => {
    const began = Date.now();
    await new Promise(setImmediate);
    while (!isReady() && isBusy() && Date.now() - began < MAX_WAIT) await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  };
}

/**
 * Makes process.stdout and process.stderr, which Node makes when they are first used. Call this before `idleWaiter`: a module that
 * prints while it is loaded would seem to have work under way. It takes milliseconds, so the process of a request does not call it.
 */
export function makeStandardStreams(): void {
  void process.stdout;
  void process.stderr;
}

/** Returns how many resources of each kind keep the process alive. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
