// One code path for synchronous and asynchronous applications: a computation written as a generator
// yields the promises it needs, and only those; where there is none it runs through without waiting.

/** A computation that yields each promise it has to wait for and is resumed with its value. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>;

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** A computation under way, which can be interrupted from outside wherever it waits. */
export interface Run<T> {
  /** Settled when the computation is over. */
  readonly finished: Promise<T>;
  /** Throws `reason` into the computation where it waits. False when it is not waiting: over, or on the call stack. */
  interrupt(reason: unknown): boolean;
}

/** Runs `steps` up to its end or its first promise before it returns. */
export function run<T>(steps: Steps<T>): Run<T> {
  try {
    const step = steps.next();
    return step.done ? { finished: Promise.resolve(step.value), interrupt: isOver } : follow(steps, step.value);
  } catch (error) {
    return { finished: Promise.reject(error), interrupt: isOver };
  }
}

function isOver(): boolean {
  return false;
}

/** Runs `steps` on from its first promise. */
function follow<T>(steps: Steps<T>, first: PromiseLike<unknown>): Run<T> {
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
      (value) => waitingFor === promise && advance(() => steps.next(value)),
      (reason: unknown) => waitingFor === promise && advance(() => steps.throw(reason)),
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
      advance(() => steps.throw(reason));
      return true;
    },
  };
}
