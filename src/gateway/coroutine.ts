// One code path for synchronous and asynchronous applications: a computation written as a generator
// yields the promises it needs, and only those; where there is none it runs through without waiting.

/** A computation that yields each promise it has to wait for and is resumed with its value. */
export type Coroutine<T> = Generator<PromiseLike<unknown>, T, unknown>;

/** A computation under way, which can be interrupted from outside wherever it waits. */
export interface RunningCoroutine<T> {
  /** Settled when the computation is over. */
  readonly finished: Promise<T>;
  /** Throws `reason` into the computation where it waits. False when it is not waiting: over, or on the call stack. */
  interrupt(reason: unknown): boolean;
}

/** Runs `coroutine` up to its end or its first promise before it returns. */
export function runCoroutine<T>(coroutine: Coroutine<T>): RunningCoroutine<T> {
  try {
    const step = coroutine.next();
    return step.done ? { finished: Promise.resolve(step.value), interrupt: isOver } : follow(coroutine, step.value);
  } catch (error) {
    return { finished: Promise.reject(error), interrupt: isOver };
  }
}

function isOver(): boolean {
  return false;
}

/** Runs `coroutine` on from its first promise. */
function follow<T>(coroutine: Coroutine<T>, first: PromiseLike<unknown>): RunningCoroutine<T> {
  let waitingFor: PromiseLike<unknown> | undefined;
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const finished = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });

  const wait = (promise: PromiseLike<unknown>): void => {
    waitingFor = promise;
    // What settles after an interruption is nobody's business any more.
    promise.then(
      (value) => waitingFor === promise && advance(() => coroutine.next(value)),
      (reason: unknown) => waitingFor === promise && advance(() => coroutine.throw(reason)),
    );
  };
  const advance = (resume: () => IteratorResult<PromiseLike<unknown>, T>): void => {
    waitingFor = undefined;
    try {
      const step = resume();
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
      if (waitingFor === undefined) return false;
      advance(() => coroutine.throw(reason));
      return true;
    },
  };
}
