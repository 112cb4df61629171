// The rules on what the application returns, and on how the server takes it.

import { isPromiseLike } from '../gateway/promise-like.ts';
import { show } from '../show.ts';
import type { Block, Body, Closable, ErrorStream } from '../types.ts';
import type { Responding } from './response.ts';
import type { Judge } from './violation.ts';

/// ## The body
///
/// The application returns the response body, or a promise of it (Δ):
///
/// - an iterable of blocks, which the server iterates over once;
/// - an async iterable of blocks (Δ);
/// - one string or one `Uint8Array`, which is a body of one block (Δ: in Python it would be one block a character);
/// - `null` or `undefined`, which is an empty body (Δ);
/// - what `wsgi.file_wrapper` has returned, as it is.

/** Returns `body` as a body that checks how it is used. One that cannot be used wrongly is returned as it is. */
export function checkBody(body: Body, responding: Responding, errors: ErrorStream, check: Judge): Body {
  if (body === null || body === undefined) {
    responding.finish();
    return body;
  }
  if (typeof body === 'string' || body instanceof Uint8Array) {
    responding.block(body);
    responding.finish();
    return body;
  }
  // The server may trust the length of an array (PEP 3333 #62), so it has to stay one.
  if (Array.isArray(body)) {
    for (const block of body) responding.block(block);
    responding.finish();
    return body;
  }
  /// - **`body-not-iterable`** Nothing else is a body.
  const isAsync = typeof body === 'object' && Symbol.asyncIterator in body;
  const isIterable = isAsync || (typeof body === 'object' && Symbol.iterator in body);
  check.application(
    'body-not-iterable',
    isIterable,
    () => `A body must be a string, a Uint8Array or an iterable of them, got ${show(body)}`,
  );
  if (!isIterable) return body;

  const checked = new CheckedBody(body, responding, check);
  /// - **`close-never`** The server calls the body's `close()`, where it has one, when the request is over: after the
  ///   last block, after an error, and when the client has left. It awaits what `close()` returns (Δ).
  collected.register(checked, { state: checked.state, errors });
  const iterate: unknown = Object.assign(checked, { [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => checked.iterate() });
  return iterate as Body;
}

// What is held must not lead to the body itself, or that is never collected.
const collected = new FinalizationRegistry<{ state: { closed: boolean }; errors: ErrorStream }>(({ state, errors }) => {
  if (!state.closed) errors.write("A body was never closed (server's duty, SPEC.md close-never)\n");
});

type Step = IteratorResult<Block, unknown>;
type Blocks = (Iterable<Block> | AsyncIterable<Block>) & Closable;
type BlockIterator = { next(): Step | Promise<Step>; return?(value?: unknown): unknown };

class CheckedBody {
  readonly state = { closed: false };
  #body: Blocks;
  #responding: Responding;
  #check: Judge;
  #iterator: BlockIterator | undefined;
  #waiting = false;
  #ended = false;

  constructor(body: Blocks, responding: Responding, check: Judge) {
    this.#body = body;
    this.#responding = responding;
    this.#check = check;
  }

  iterate(): BlockIterator {
    const { server } = this.#check;
    /// - **`iterate-once`** The server iterates over a body once.
    server('iterate-once', this.#iterator === undefined, () => 'A body was iterated over twice');
    const iterator: BlockIterator = Symbol.asyncIterator in this.#body ? this.#body[Symbol.asyncIterator]() : this.#body[Symbol.iterator]();
    this.#iterator = iterator;
    return {
      next: () => this.#next(iterator),
      // The server tells a generator that it will not ask again, before close() (Δ: Python's close() does both).
      ...(iterator.return && { return: (value?: unknown) => iterator.return?.(value) }),
    };
  }

  #next(iterator: BlockIterator): Step | Promise<Step> {
    const { server } = this.#check;
    /// - **`iterate-in-turn`** It asks for the next block only when it has the one before and has handed that on, and
    ///   not again when the body has ended.
    server('iterate-in-turn', !this.#waiting && !this.#ended, () => 'A block was asked for before the last had come, or after the end');
    /// - **`iterate-after-close`** It does not ask when it has called `close()`.
    server('iterate-after-close', !this.state.closed, () => 'A block was asked for after close()');
    this.#responding.handedOn();
    this.#responding.iterating = true;
    this.#waiting = true;
    try {
      const step = iterator.next();
      if (!isPromiseLike(step)) return this.#take(step);
      return step.then(
        (late) => this.#take(late),
        (error: unknown) => {
          this.#arrived();
          throw error;
        },
      );
    } catch (error) {
      this.#arrived();
      throw error;
    }
  }

  #take(step: Step): Step {
    this.#arrived();
    if (step.done) {
      this.#ended = true;
      this.#responding.finish();
    } else {
      this.#responding.block(step.value);
    }
    return step;
  }

  #arrived(): void {
    this.#waiting = false;
    this.#responding.iterating = false;
  }

  close(): unknown {
    /// - **`close-once`** It calls `close()` once.
    this.#check.server('close-once', !this.state.closed, () => 'close() was called twice');
    this.state.closed = true;
    const end = () => {
      this.#responding.over = true;
    };
    const closing = this.#body.close?.();
    if (isPromiseLike(closing)) return Promise.resolve(closing).finally(end);
    end();
    return closing;
  }
}

/// ## When something fails
///
/// An error that the application throws, from the call, from its body or by rejecting a promise, goes to the log.
/// If the head has not left, the client gets a response of the server's own that tells nothing of the cause: 500,
/// or the status that is the truth, as 413 for a body that is too large. If it has left, the response ends short,
/// so that it does not look complete; nothing is glued onto it. The client's leaving is not an error. In every
/// case the body is closed.
///
/// ## Middleware
///
/// Middleware keeps all of the above to both sides. It gives at least one block, which may be empty, for each
/// block that it takes, never passes a body's blocks to `write()`, calls the inner body's `close()` from its own,
/// and hands `excInfo` on.
