// fromFetch(): a Fetch handler as an application of PEP 3333. The application returns at once, with a body whose first block waits
// for the handler's Response. A gateway can close a body at any time, so that a client that leaves aborts the handler even
// before it has answered.

import { clientAddress } from '../environ/address.ts';
import { hasBody } from '../environ/body-length.ts';
import { requestHeaders } from '../environ/http.ts';
import { ApplicationError } from '../errors.ts';
import { checkBlock } from '../gateway/block.ts';
import { sanitizeHeaders, sanitizeReason } from '../gateway/sanitize.ts';
import { isBodiless, reasonOf } from '../gateway/status.ts';
import { show } from '../show.ts';
import type { ApplicationFunction, Block, Closable, Environ, StartResponse, Write } from '../types.ts';
import type { Platform, ResponseBody } from './platform.ts';
import { fetchUrl } from './url.ts';

/** The third argument of a handler, as Cloudflare Workers have it. */
export interface FetchContext {
  /** Keeps the request from being over until `promise` has settled. A rejection is logged. */
  waitUntil(promise: unknown): void;
  /** Does nothing: there is no other server to pass the request to. A failure is answered with 500. */
  passThroughOnException(): void;
  /** Always empty. Configuration is in environ. */
  readonly props: object;
}

/** A Fetch handler as a function. */
export type FetchFunction = (request: Request, environ: Environ, context: FetchContext) => Response | PromiseLike<Response>;

/** A Fetch handler: a function, or an object with a method `fetch`, such as an application of Hono or Elysia. */
export type FetchHandler = FetchFunction | { fetch: FetchFunction };

export interface FromFetchOptions {
  /** Whether the path of the request's URL begins with SCRIPT_NAME. Default: false, and it is PATH_INFO alone. */
  wholePath?: boolean;
}

/** Returns `handler` as an application. Its requests and responses are of the classes of `platform`. */
export function fromFetchOn(platform: Platform, handler: FetchHandler, options: FromFetchOptions): ApplicationFunction {
  const { wholePath = false } = options;
  if (typeof handler !== 'function' && typeof handler?.fetch !== 'function') {
    throw new ApplicationError('handler-not-fetch', `A Fetch handler must be a function or have a method fetch, got ${show(handler)}`);
  }
  return (environ, startResponse) => new FetchResponse(platform, handler, wholePath, environ, startResponse);
}

/** The response body of one request. */
class FetchResponse implements AsyncIterable<Block>, Closable {
  #platform: Platform;
  #handler: FetchHandler;
  #wholePath: boolean;
  #environ: Environ;
  #startResponse: StartResponse;
  /** Made when the handler asks for its signal, because Node loads much for it. */
  #abortController: AbortController | undefined;
  /** The handler's body, if it is read block by block. */
  #blocks: Blocks | undefined;
  /** How many bytes of the body the gateway still expects. */
  #left = Infinity;
  /** Whether the gateway has taken the whole body. */
  #isComplete = false;
  #isClosed = false;
  /** The promises that were given to waitUntil(). */
  #pending: PromiseLike<unknown>[] = [];

  constructor(platform: Platform, handler: FetchHandler, wholePath: boolean, environ: Environ, startResponse: StartResponse) {
    this.#platform = platform;
    this.#handler = handler;
    this.#wholePath = wholePath;
    this.#environ = environ;
    this.#startResponse = startResponse;
  }

  waitUntil = (promise: unknown): void => {
    const log = (error: unknown) => {
      const { inspect } = process.getBuiltinModule('node:util');
      this.#environ['wsgi.errors'].write(`A promise given to waitUntil() was rejected: ${inspect(error)}\n`);
    };
    this.#pending.push(Promise.resolve(promise).catch(log));
  };

  passThroughOnException = (): void => {};

  async *[Symbol.asyncIterator](): AsyncGenerator<Block, void> {
    const response = await this.#callHandler();
    const { status } = response;
    if (status === 0) throw new ApplicationError('response-error', 'The handler returned Response.error(), which cannot be sent');
    const body = this.#platform.body(response);
    const headers = this.#platform.headers(response);
    const length = knownLength(body);
    const announced = headers.find(([name]) => name === 'content-length')?.[1];
    // A response without a body has no length, or only the one that a GET would have: RFC 9110 §8.6.
    const mayHaveLength = announced === undefined && !isBodiless(status);
    const start = (length?: number): Write => {
      if (mayHaveLength && length !== undefined) headers.push(['content-length', String(length)]);
      return this.#startResponse(`${status} ${sanitizeReason(response.statusText, reasonOf(status))}`, sanitizeHeaders(headers));
    };
    if (typeof body === 'string' || body instanceof Uint8Array || body === null) {
      start(length);
      if (body !== null) yield body;
    } else {
      this.#blocks = blocksOf(body);
      if (this.#isClosed) return this.#cancel();
      this.#left = this.#isHead ? 0 : Number(announced ?? length ?? Infinity);
      yield* this.#stream(this.#blocks, start, announced === undefined ? length : Number(announced));
    }
    this.#isComplete = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isComplete) await this.#stop();
    // A promise may call waitUntil() again before it settles.
    while (this.#pending.length > 0) await this.#pending.shift();
  }

  /** Calls the handler, and resolves to its Response. */
  async #callHandler(): Promise<Response> {
    const environ = this.#environ;
    const request = this.#platform.request({
      url: fetchUrl(environ, this.#wholePath),
      method: environ.REQUEST_METHOD,
      headers: requestHeaders(environ),
      body: () => (hasBody(environ) ? environ['wsgi.input'] : undefined),
      signal: () => {
        this.#abortController ??= new AbortController();
        return this.#abortController.signal;
      },
    });
    Object.defineProperties(request, {
      ip: { get: () => clientAddress(environ.REMOTE_ADDR), configurable: true, enumerable: true },
      waitUntil: { value: this.waitUntil, configurable: true, enumerable: true },
    });
    const handler = this.#handler;
    const context = { waitUntil: this.waitUntil, passThroughOnException: this.passThroughOnException, props: {} };
    let response: unknown;
    try {
      response = await (typeof handler === 'function' ? handler(request, environ, context) : handler.fetch(request, environ, context));
    } catch (error) {
      if (lacksWorkersGlobal(error)) environ['wsgi.errors'].write(WORKERS_ADVICE);
      throw error;
    }
    if (isResponse(response)) return response;
    throw new ApplicationError('response-missing', `A Fetch handler must return a Response, got ${show(response)}`);
  }

  /**
   * Yields the blocks one by one. The head waits for the first block only if that is there at once; in an event stream it may
   * take minutes. A body of unknown length that ends at once after its first block gets the length of that block.
   */
  async *#stream(blocks: Blocks, start: (length?: number) => Write, length: number | undefined): AsyncGenerator<Block, void> {
    let next = firstNonEmpty(blocks);
    if (await isSettled(next)) {
      const first = await next;
      if (first.done) {
        start(length);
        return;
      }
      if (length === undefined) {
        next = blocks.next();
        const isOnly = (await isSettled(next)) && (await next).done;
        start(isOnly ? Buffer.byteLength(first.value) : undefined);
        yield this.#counted(first.value);
      } else {
        // The next block is not read ahead: if that failed while nothing awaits it, the process would end.
        start(length);
        yield this.#counted(first.value);
        next = blocks.next();
      }
    } else {
      await start(length).flushHeaders?.();
      if (this.#isHead) return this.#cancel();
    }
    for (let step = await next; !step.done; step = await blocks.next()) yield this.#counted(step.value);
  }

  /** Returns `block`, and counts it. */
  #counted(block: Block): Block {
    this.#left -= Buffer.byteLength(checkBlock(block));
    return block;
  }

  /** Ends a body that the gateway has not read to its end: it has got all that Content-Length promises, or the client has left. */
  async #stop(): Promise<void> {
    if (this.#left > 0) this.#abortController?.abort(abortError());
    // A stream that has given all its bytes is read to its end, so that it is not cancelled.
    else if (!this.#isHead && (await this.#blocks?.next())?.done) return;
    await this.#cancel();
  }

  async #cancel(): Promise<void> {
    await this.#blocks?.cancel(abortError());
  }

  get #isHead(): boolean {
    return this.#environ.REQUEST_METHOD === 'HEAD';
  }
}

/** The advice for the log when a handler fails for want of a global of Cloudflare Workers. */
const WORKERS_ADVICE = 'fetch: The handler uses a global that only Cloudflare Workers have; check first whether globalThis has it\n';

function lacksWorkersGlobal(error: unknown): boolean {
  return error instanceof ReferenceError && /^(?:caches|HTMLRewriter|WebSocketPair) is not defined$/.test(error.message);
}

/** A response body that is read block by block. */
interface Blocks {
  next(): Promise<IteratorResult<Block, unknown>>;
  cancel(reason: DOMException): unknown;
}

function blocksOf(body: Exclude<ResponseBody, string | Uint8Array | null>): Blocks {
  if (Symbol.asyncIterator in body && !('getReader' in body)) {
    const iterator = body[Symbol.asyncIterator]();
    return { next: () => iterator.next(), cancel: () => iterator.return?.() };
  }
  const reader: ReadableStreamDefaultReader<Uint8Array> = ('stream' in body ? body.stream() : body).getReader();
  return { next: () => reader.read(), cancel: (reason) => reader.cancel(reason).catch(() => {}) };
}

/** Resolves to the first block that is not empty, or to the end. */
async function firstNonEmpty(blocks: Blocks): Promise<IteratorResult<Block, unknown>> {
  let step = await blocks.next();
  while (!step.done && checkBlock(step.value).length === 0) step = await blocks.next();
  return step;
}

function abortError(): DOMException {
  return new DOMException('The client has left, or the request was ended', 'AbortError');
}

/** Returns the length of `body` in bytes; undefined if it is not known without reading it. */
function knownLength(body: ResponseBody): number | undefined {
  if (body === null) return 0;
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : 'size' in body ? body.size : undefined;
}

/** Resolves to whether `promise` settles without waiting for the event loop. */
function isSettled(promise: PromiseLike<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const yes = () => resolve(true);
    promise.then(yes, yes);
    setImmediate(resolve, false);
  });
}

/** Whether `value` looks like a Response. One from another realm, or from a library that has its own class, counts. */
function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value;
}
