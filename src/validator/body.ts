// The rules on the response body: what the application returns, and how the server iterates over it and closes it.

import { isPromiseLike } from '../gateway/promise-like.ts';
import { show } from '../show.ts';
import type { Block, Body, Closable, ErrorStream } from '../types.ts';
import type { Enforcer } from './contract-error.ts';
import type { ResponseChecker } from './response.ts';

/// ## The body
///
/// The application returns the response body, or a promise of it (Δ):
///
/// - an iterable of blocks, which the server iterates over once;
/// - an async iterable of blocks (Δ);
/// - one string or one `Uint8Array`, which is a body of one block (Δ: in Python it would be one block a character);
/// - `null` or `undefined`, which is an empty body (Δ);
/// - what `wsgi.file_wrapper` returns, unchanged.
///
/// These rules apply to the body:

/** Returns `body` as a body that checks how the server uses it. A body that cannot be used wrongly is returned unchanged. */
export function checkBody(body: Body, response: ResponseChecker, errors: ErrorStream, enforce: Enforcer): Body {
  if (body === null || body === undefined) {
    response.checkEnd();
    return body;
  }
  if (typeof body === 'string' || body instanceof Uint8Array) {
    response.checkBlock(body);
    response.checkEnd();
    return body;
  }
  // An array stays an array, because the server may look at its length (PEP 3333 #62).
  if (Array.isArray(body)) {
    for (const block of body) response.checkBlock(block);
    response.checkEnd();
    return body;
  }
  /// - **`body-not-iterable`** A body has one of the forms above.
  const isAsync = typeof body === 'object' && Symbol.asyncIterator in body;
  const isIterable = isAsync || (typeof body === 'object' && Symbol.iterator in body);
  enforce.application(
    'body-not-iterable',
    isIterable,
    () => `A body must be a string, a Uint8Array or an iterable of them, got ${show(body)}`,
  );
  if (!isIterable) return body;

  const checked = new CheckedBody(body, response, enforce);
  /// - **`close-never`** If the body has `close()`, the server calls it when the request is over: after the last block, after
  ///   an error, and when the client has left. The server awaits what `close()` returns (Δ).
  unclosed.register(checked, { state: checked.state, errors });
  const iterate: unknown = Object.assign(checked, { [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => checked.iterate() });
  return iterate as Body;
}

// The held value must not refer to the body, or that would never be collected.
const unclosed = new FinalizationRegistry<{ state: { closed: boolean }; errors: ErrorStream }>(({ state, errors }) => {
  if (!state.closed) errors.write("A body was never closed (server's duty, SPEC.md close-never)\n");
});

type Step = IteratorResult<Block, unknown>;
type Blocks = (Iterable<Block> | AsyncIterable<Block>) & Closable;
type BlockIterator = { next(): Step | Promise<Step>; return?(value?: unknown): unknown };

class CheckedBody {
  readonly state = { closed: false };
  #body: Blocks;
  #response: ResponseChecker;
  #enforce: Enforcer;
  #iterator: BlockIterator | undefined;
  #waiting = false;
  #ended = false;

  constructor(body: Blocks, response: ResponseChecker, enforce: Enforcer) {
    this.#body = body;
    this.#response = response;
    this.#enforce = enforce;
  }

  iterate(): BlockIterator {
    const { server } = this.#enforce;
    /// - **`iterate-once`** The server iterates over a body once.
    server('iterate-once', this.#iterator === undefined, () => 'A body was iterated over twice');
    const iterator: BlockIterator = Symbol.asyncIterator in this.#body ? this.#body[Symbol.asyncIterator]() : this.#body[Symbol.iterator]();
    this.#iterator = iterator;
    return {
      next: () => this.#next(iterator),
      // The server calls return() of a generator before close() (Δ: in Python close() does both).
      ...(iterator.return && { return: (value?: unknown) => iterator.return?.(value) }),
    };
  }

  #next(iterator: BlockIterator): Step | Promise<Step> {
    const { server } = this.#enforce;
    /// - **`iterate-in-turn`** The server asks for the next block only when it has got and sent the block before. It does not
    ///   ask again after the end.
    server('iterate-in-turn', !this.#waiting && !this.#ended, () => 'A block was asked for before the last had come, or after the end');
    /// - **`iterate-after-close`** The server does not ask for a block after it has called `close()`.
    server('iterate-after-close', !this.state.closed, () => 'A block was asked for after close()');
    this.#response.markSent();
    this.#response.iterating = true;
    this.#waiting = true;
    try {
      const step = iterator.next();
      if (!isPromiseLike(step)) return this.#take(step);
      return step.then(
        (late) => this.#take(late),
        (error: unknown) => {
          this.#endWait();
          throw error;
        },
      );
    } catch (error) {
      this.#endWait();
      throw error;
    }
  }

  #take(step: Step): Step {
    this.#endWait();
    if (step.done) {
      this.#ended = true;
      this.#response.checkEnd();
    } else {
      this.#response.checkBlock(step.value);
    }
    return step;
  }

  #endWait(): void {
    this.#waiting = false;
    this.#response.iterating = false;
  }

  close(): unknown {
    /// - **`close-once`** The server calls `close()` only once.
    this.#enforce.server('close-once', !this.state.closed, () => 'close() was called twice');
    this.state.closed = true;
    const end = () => {
      this.#response.over = true;
    };
    const closing = this.#body.close?.();
    if (isPromiseLike(closing)) return Promise.resolve(closing).finally(end);
    end();
    return closing;
  }
}

/// ## When something fails
///
/// The server logs every error that the application throws: from the call, from its body, or by rejecting a promise. If the
/// head has not been sent, the client gets a response of the server that tells nothing of the cause. Its status is 500, or one
/// that fits the error, such as 413 for a body that is too large. If the head has been sent, the response ends short, so that
/// it does not look complete, and nothing is added to it. A client that leaves is no error. The server closes the body in every
/// case.
///
/// ## Middleware
///
/// Middleware keeps all these rules towards both sides. It gives at least one block, which may be empty, for each block that it
/// takes. It never passes the blocks of a body to `write()`. Its body's `close()` calls that of the inner body. It passes
/// `excInfo` on.
