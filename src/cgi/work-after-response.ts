// Lets a built script do some work when its response is out: then no client waits for the work.

type Work = () => void;

/** A registered symbol, because the code that sets the work has a copy of this module of its own. */
const WORK: unique symbol = Symbol.for('run-with-cgi.work-after-response') as never;

/** Makes `runWithCgi` call `work` when the response is closed, and everything else is done. `work` must be synchronous, and must not throw. */
export function setWorkAfterResponse(work: Work): void {
  Reflect.set(globalThis, WORK, work);
}

/** Returns the work that was set; undefined if there is none. */
export function workAfterResponse(): Work | undefined {
  return Reflect.get(globalThis, WORK);
}
