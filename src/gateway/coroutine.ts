// Coroutines: one code path for synchronous and asynchronous applications. A coroutine is a generator that yields each promise
// it has to wait for, and gets its value back. Where it yields none, it runs to its end without the event loop.

/** A computation that yields the promises it has to wait for, and returns a `T`. */
export type Coroutine<T> = Generator<PromiseLike<unknown>, T, unknown>;

/** A coroutine that has been started. */
export interface RunningCoroutine<T> {
  /** Settles when the coroutine has ended. */
  readonly finished: Promise<T>;
  /**
   * Throws `reason` into the coroutine where it waits, and returns true. Returns false when the coroutine does not wait: it
   * has ended, or it is on the call stack.
   */
  interrupt(reason: unknown): boolean;
}

/** Runs `coroutine` to its end or to its first promise, then returns. */
export function runCoroutine<T>(coroutine: Coroutine<T>): RunningCoroutine<T> {
  try {
    const step = coroutine.next();
    return step.done ? { finished: Promise.resolve(step.value), interrupt: cannotInterrupt } : resume(coroutine, step.value);
  } catch (error) {
    return { finished: Promise.reject(error), interrupt: cannotInterrupt };
  }
}

function cannotInterrupt(): boolean {
  return false;
}

/** Runs `coroutine` from its first promise to its end. */
function resume<T>(coroutine: Coroutine<T>, first: PromiseLike<unknown>): RunningCoroutine<T> {
  /** The promise that the coroutine waits for; undefined while it is on the call stack and when it has ended. */
  let awaited: PromiseLike<unknown> | undefined;
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const finished = new Promise<T>((...callbacks) => {
    [resolve, reject] = callbacks;
  });

  const wait = (promise: PromiseLike<unknown>): void => {
    awaited = promise;
    // A promise that settles after an interruption is ignored.
    promise.then(
      (value) => awaited === promise && advance(() => coroutine.next(value)),
      (reason: unknown) => awaited === promise && advance(() => coroutine.throw(reason)),
    );
  };
  const advance = (goOn: () => IteratorResult<PromiseLike<unknown>, T>): void => {
    awaited = undefined;
    try {
      const step = goOn();
      if (step.done) resolve(step.value);
      else wait(step.value);
    } catch (error) {
      reject(error);
    }
  };
  wait(first);

  return {
    finished,
    interrupt(reason) {
      if (awaited === undefined) return false;
      advance(() => coroutine.throw(reason));
      return true;
    },
  };
}
