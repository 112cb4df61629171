// The heart: runs one application once, against one environ and one sink, and has one story for every
// way that this can fail. It knows no process, no socket and no protocol.

import { ApplicationError, RequestError, type StatusHint } from '../errors.ts';
import { show } from '../show.ts';
import type { Application, Environ } from '../types.ts';
import { isAborted } from './aborted.ts';
import { toFunction } from './application.ts';
import { type Coroutine, type RunningCoroutine, runCoroutine } from './coroutine.ts';
import { FileWrapper } from './file-wrapper.ts';
import { isPromiseLike } from './promise-like.ts';
import { checkBlock, Response } from './response.ts';
import type { Sink } from './sink.ts';

/** Takes the cause of every failure, for the log; the client learns none of it. */
export type Report = (error: unknown) => void;

type BlockIterator = Iterator<unknown> | AsyncIterator<unknown>;

export class Exchange {
  /** Whether something went wrong, the client's leaving apart. */
  failed = false;
  /** Whether the response is out, as far as it will ever be. */
  responded = false;
  /** Whether the application's `close()` is done, too. */
  over = false;
  #application: Application;
  #environ: Environ;
  #sink: Sink;
  #report: Report;
  #response: Response;
  #run: RunningCoroutine<void> | undefined;
  #returned = false;
  #body: unknown;
  #iterator: BlockIterator | undefined;
  /** The iterator's next() has not come back yet. */
  #pulling = false;
  #closed = false;

  constructor(application: Application, environ: Environ, sink: Sink, report: Report) {
    this.#application = application;
    this.#environ = environ;
    this.#sink = sink;
    this.#report = report;
    this.#response = new Response(sink, environ.REQUEST_METHOD);
  }

  /** Runs the application. The promise never rejects; where nothing had to be waited for, all is done when this returns. */
  start(): Promise<void> {
    this.#run = runCoroutine(this.#perform());
    return this.#run.finished;
  }

  /**
   * Ends the response from outside: a timeout, a signal, an uncaught error, the end of the process.
   * What can be done without waiting is done when this returns, calling `close()` included. False
   * when the response has ended already.
   */
  interrupt(reason: unknown): boolean {
    if (this.responded) return false;
    if (!this.#run?.interrupt(reason)) {
      // The application is on the call stack: it is the process that ends, and nothing returns to #perform().
      this.#run = runCoroutine(this.#abort(reason));
    }
    return true;
  }

  /** Whether the application may have something that must run when the request is over. */
  get mayClose(): boolean {
    return !this.#returned || this.#iterator?.return !== undefined || closeOf(this.#body) !== undefined;
  }

  *#perform(): Coroutine<void> {
    const response = this.#response;
    try {
      const result: unknown = toFunction(this.#application)(this.#environ, response.startResponse);
      if (isPromiseLike(result))
        result.then(
          (late) => this.#closeLate(late),
          () => {},
        );
      const body = isPromiseLike(result) ? yield result : result;
      this.#body = body;
      this.#returned = true;

      // Only a real length of one proves that no other block will follow. PEP 3333 #62, #72
      const isOnly = Array.isArray(body) && body.length === 1;
      const whole: unknown = isOnly ? body[0] : body;
      if (typeof whole === 'string' || whole instanceof Uint8Array) {
        const sent = response.send(whole, true);
        if (sent) yield sent;
      } else if (body instanceof FileWrapper) {
        yield* this.#sendFile(body);
      } else if (body !== null && body !== undefined) {
        const iterator = iterate(body);
        this.#iterator = iterator;
        while (!response.satisfied) {
          const next = this.#next(iterator);
          const step = isPromiseLike(next) ? ((yield next) as IteratorResult<unknown>) : next;
          this.#pulling = false;
          if (step.done) {
            this.#iterator = undefined;
            break;
          }
          const block = isPromiseLike(step.value) ? yield step.value : step.value;
          // Each block is handed on before the next is asked for. PEP 3333 #59
          const sent = response.send(checkBlock(block), isOnly);
          if (sent) yield sent;
        }
      }

      const finished = response.finish();
      if (finished) yield finished;
      const ended = this.#end(true);
      if (ended) yield ended;
    } catch (error) {
      if (this.responded) this.#note(error);
      else yield* this.#fail(error);
    }
    if (this.mayClose) yield* this.#close();
    this.over = true;
  }

  *#abort(reason: unknown): Coroutine<void> {
    yield* this.#fail(reason);
    yield* this.#close();
    this.over = true;
  }

  #next(iterator: BlockIterator): IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>> {
    this.#pulling = true;
    try {
      const step = iterator.next();
      return isPromiseLike(step) ? step.then(undefined, (error: unknown) => this.#iteratorEnded(error)) : step;
    } catch (error) {
      return this.#iteratorEnded(error);
    }
  }

  /** An iterator whose next() throws has ended, and is not told to return(). */
  #iteratorEnded(error: unknown): never {
    this.#iterator = undefined;
    throw error;
  }

  /** PEP 3333 #84: from where the file stands to its end or to Content-Length, whichever comes first. */
  *#sendFile(file: FileWrapper): Coroutine<void> {
    const response = this.#response;
    const { sendFile } = this.#sink;
    const size = file.remaining();
    for (const block of file) {
      const fitting = response.room === Infinity ? block : Buffer.from(block).subarray(0, response.room);
      const sent = response.send(fitting, false, size);
      if (sent) yield sent;
      if (response.satisfied) return;
      if (file.descriptor !== undefined && sendFile) {
        const rest = response.sendFile(file.descriptor, sendFile);
        if (rest) yield rest;
        return;
      }
    }
  }

  /** One story for every failure: before the head a bare status, after it a response that ends short. PEP 3333 #75, #76 */
  *#fail(error: unknown): Coroutine<void> {
    const response = this.#response;
    response.abandon();
    let complete = response.satisfied;
    if (!isAborted(error)) {
      this.failed = true;
      this.#report(error);
      if (!response.headersSent) {
        yield* this.#settle(() => response.answer(statusHint(error)));
        complete = true;
      }
    }
    yield* this.#settle(() => this.#end(complete));
  }

  #end(complete: boolean): void | Promise<void> {
    this.responded = true;
    return this.#sink.end(complete);
  }

  /** Exactly once, however the request ended. PEP 3333 #66 */
  *#close(): Coroutine<void> {
    this.#closed = true;
    const iterator = this.#iterator;
    const body = this.#body;
    this.#iterator = undefined;
    this.#body = undefined;
    const returned = runCoroutine(this.#settle(() => iterator?.return?.()));
    yield* this.#settle(() => close(body));
    // A generator that waits for something gets to its return() only when that comes, which may be never.
    if (!this.#pulling) yield returned.finished;
  }

  /** A body that comes after an interruption is still owed its close(). */
  #closeLate(body: unknown): void {
    if (this.#closed) runCoroutine(this.#settle(() => close(body)));
    else this.#body = body; // the answer in its place is still on its way
  }

  *#settle(action: () => unknown): Coroutine<void> {
    try {
      const result = action();
      if (isPromiseLike(result)) yield result;
    } catch (error) {
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    if (isAborted(error)) return;
    this.failed = true;
    this.#report(error);
  }
}

function statusHint(error: unknown): StatusHint {
  return error instanceof ApplicationError || error instanceof RequestError ? error.statusHint : 500;
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
