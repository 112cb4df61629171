// The exchange: runs one application for one request, from environ to the sink. All failures, wherever they come from, take the
// same way here. The exchange knows no process, no socket and no protocol.

import { ApplicationError } from '../errors.ts';
import { show } from '../show.ts';
import type { Application, Environ } from '../types.ts';
import { toFunction } from './application.ts';
import { checkBlock, toBytes } from './block.ts';
import { type Coroutine, type RunningCoroutine, runCoroutine } from './coroutine.ts';
import { FileWrapper } from './file-wrapper.ts';
import { isAborted } from './interruptions.ts';
import { isPromiseLike } from './promise-like.ts';
import { Response } from './response.ts';
import type { Sink } from './sink.ts';
import { failureStatus } from './status.ts';

/** Writes the cause of a failure to the log. The client learns nothing of it. */
export type Report = (error: unknown) => void;

type BlockIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** One request to one application, and its response. */
export class Exchange {
  /** Whether anything has failed. A client that leaves is no failure. */
  hasFailed = false;
  /** Whether the response has ended, complete or not. */
  hasResponded = false;
  /** Whether the `close()` of the application's body is done as well. */
  isOver = false;
  #application: Application;
  #environ: Environ;
  #sink: Sink;
  #report: Report;
  #response: Response;
  #running: RunningCoroutine<void> | undefined;
  /** Whether the call of the application has returned, and its promise has resolved. */
  #hasReturned = false;
  #body: unknown;
  #iterator: BlockIterator | undefined;
  /** Whether the exchange waits for a call of the iterator's next(). */
  #pulling = false;
  #closed = false;
  /** Whether the request ends for a reason that came while the application was on the call stack. */
  #isAborting = false;

  constructor(application: Application, environ: Environ, sink: Sink, report: Report) {
    this.#application = application;
    this.#environ = environ;
    this.#sink = sink;
    this.#report = report;
    this.#response = new Response(sink, environ.REQUEST_METHOD);
  }

  /**
   * Runs the application. The promise resolves when the response and `close()` are done, and never rejects. If nothing had to be
   * waited for, all is done when this returns.
   */
  start(): Promise<void> {
    const performing = runCoroutine(this.#perform());
    this.#running ??= performing; // unless #abort() runs
    return this.#running.finished;
  }

  /**
   * Ends the response for a `reason` from outside: a timeout, a signal, an uncaught error, the end of the process. When this
   * returns, `close()` has been called and everything is done that needs no waiting. Returns false if the response has ended
   * before.
   */
  interrupt(reason: unknown): boolean {
    if (this.hasResponded) return false;
    if (!this.#running?.interrupt(reason)) {
      // The application is on the call stack: the process is about to end, or the application itself has aborted its request.
      this.#isAborting = true;
      this.#running = runCoroutine(this.#abort(reason));
    }
    return true;
  }

  /** Whether the application may have a `close()`, or a generator, that must run when the request is over. */
  get needsClose(): boolean {
    return !this.#hasReturned || this.#iterator?.return !== undefined || closeOf(this.#body) !== undefined;
  }

  /** Runs the request from the call of the application to the close() of its body. */
  *#perform(): Coroutine<void> {
    const response = this.#response;
    try {
      const returned: unknown = toFunction(this.#application)(this.#environ, response.startResponse);
      // A thenable may begin its work at each then(), as query builders do: it is asked once.
      const result = isPromiseLike(returned) ? Promise.resolve(returned) : returned;
      if (isPromiseLike(result))
        result.then(
          (late) => this.#closeLate(late),
          () => {},
        );
      if (this.#isAborting) {
        if (!isPromiseLike(result)) this.#closeLate(result);
        return;
      }
      const body = isPromiseLike(result) ? yield result : result;
      this.#body = body;
      this.#hasReturned = true;

      yield* this.#sendBody(body);
      const finished = response.finish();
      if (finished) yield finished;
      const ended = this.#end(true);
      if (ended) yield ended;
    } catch (error) {
      if (this.hasResponded || this.#isAborting) this.#reportFailure(error);
      else yield* this.#fail(error);
    }
    if (this.#isAborting) return;
    if (this.needsClose) yield* this.#close();
    this.isOver = true;
  }

  /** Ends the request for `reason` while the application is on the call stack. */
  *#abort(reason: unknown): Coroutine<void> {
    yield* this.#fail(reason);
    yield* this.#close();
    this.isOver = true;
  }

  /** Sends the blocks of `body`, each one before it asks for the next. PEP 3333 #59 */
  *#sendBody(body: unknown): Coroutine<void> {
    const response = this.#response;
    // Only an array of one is certain to have no other block. PEP 3333 #62, #72
    const isOnly = Array.isArray(body) && body.length === 1;
    const whole: unknown = isOnly ? body[0] : body;
    if (typeof whole === 'string' || whole instanceof Uint8Array) {
      const sent = response.send(whole, true);
      if (sent) yield sent;
      return;
    }
    if (body instanceof FileWrapper) return yield* this.#sendFile(body);
    if (body === null || body === undefined) return;
    const iterator = iterate(body);
    this.#iterator = iterator;
    while (!response.wantsNoMore) {
      const next = this.#next(iterator);
      const step = isPromiseLike(next) ? ((yield next) as IteratorResult<unknown>) : next;
      this.#pulling = false;
      if (step.done) {
        this.#iterator = undefined;
        return;
      }
      const block = isPromiseLike(step.value) ? yield step.value : step.value;
      const sent = response.send(checkBlock(block), isOnly);
      if (sent) yield sent;
    }
  }

  #next(iterator: BlockIterator): IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>> {
    this.#pulling = true;
    try {
      const step = iterator.next();
      return isPromiseLike(step) ? Promise.resolve(step).then(undefined, (error: unknown) => this.#iteratorEnded(error)) : step;
    } catch (error) {
      return this.#iteratorEnded(error);
    }
  }

  /** An iterator whose next() has thrown is at its end, so that its return() must not be called. */
  #iteratorEnded(error: unknown): never {
    this.#iterator = undefined;
    throw error;
  }

  /** Sends a file from where it stands to its end or to Content-Length, whichever comes first. PEP 3333 #84 */
  *#sendFile(file: FileWrapper): Coroutine<void> {
    const response = this.#response;
    const { sendFile } = this.#sink;
    if (response.remainingLength === 0) return;
    const size = file.remaining();
    for (const block of file) {
      const fitting = response.remainingLength === Infinity ? block : toBytes(block).subarray(0, response.remainingLength);
      const sent = response.send(fitting, false, size);
      if (sent) yield sent;
      if (response.wantsNoMore) return;
      if (file.descriptor !== undefined && sendFile) {
        const rest = response.sendFile(file.descriptor, sendFile);
        if (rest) yield rest;
        return;
      }
    }
  }

  /** Ends the response for a failure: with a bare status if no head has been sent, otherwise short of its end. PEP 3333 #75, #76 */
  *#fail(error: unknown): Coroutine<void> {
    const response = this.#response;
    response.abandon();
    let isComplete = response.wantsNoMore;
    if (!isAborted(error)) {
      this.hasFailed = true;
      this.#report(error);
      if (!response.headersSent) {
        yield* this.#attempt(() => response.sendFailure(failureStatus(error)));
        isComplete = true;
      }
    }
    yield* this.#attempt(() => this.#end(isComplete));
  }

  #end(isComplete: boolean): void | Promise<void> {
    this.hasResponded = true;
    return this.#sink.end(isComplete);
  }

  /** Ends the body's iterator and calls the body's `close()`, once, however the request has ended. PEP 3333 #66 */
  *#close(): Coroutine<void> {
    this.#closed = true;
    const iterator = this.#iterator;
    const body = this.#body;
    this.#iterator = undefined;
    this.#body = undefined;
    const returned = runCoroutine(this.#attempt(() => iterator?.return?.()));
    yield* this.#attempt(() => close(body));
    // A generator that still waits in next() would run its return() only after that, which may be never.
    if (!this.#pulling) yield returned.finished;
  }

  /** Closes a body that comes after an interruption. */
  #closeLate(body: unknown): void {
    if (this.#closed) runCoroutine(this.#attempt(() => close(body)));
    else this.#body = body; // #close() is still to come
  }

  /** Runs `action` and awaits its result. An error is reported, and nothing else follows from it. */
  *#attempt(action: () => unknown): Coroutine<void> {
    try {
      const result = action();
      if (isPromiseLike(result)) yield result;
    } catch (error) {
      this.#reportFailure(error);
    }
  }

  #reportFailure(error: unknown): void {
    if (isAborted(error)) return;
    this.hasFailed = true;
    this.#report(error);
  }
}

function iterate(body: unknown): BlockIterator {
  const iterable = body as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
  if (iterator) return iterator;
  throw new ApplicationError(
    'body-not-iterable',
    `An application must return a string, a Uint8Array or an iterable of them, got ${show(body)}`,
  );
}

function close(body: unknown): unknown {
  return closeOf(body)?.call(body);
}

function closeOf(body: unknown): (() => unknown) | undefined {
  return typeof body === 'object' && body !== null && 'close' in body && typeof body.close === 'function'
    ? (body.close as () => unknown)
    : undefined;
}
