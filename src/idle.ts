// Waiting for a module that goes on after it is loaded, as one does that connects to its database first.

/** Milliseconds. */
const PATIENCE = 10_000;
const INTERVAL = 5;

/**
 * Returns a function that waits until `isEnough()`, or until nothing is under way any more that was not when this was
 * called: at once, usually, and after ten seconds at the latest.
 */
export function idleWaiter(isEnough: () => boolean): () => Promise<void> {
  const before = underWay();
  const isBusy = () => [...underWay()].some(([kind, count]) => count > (before.get(kind) ?? 0));
  return async () => {
    const began = Date.now();
    await new Promise(setImmediate);
    while (!isEnough() && isBusy() && Date.now() - began < PATIENCE) await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  };
}

/** How many there are of each kind of thing that keeps the process alive. */
function underWay(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
