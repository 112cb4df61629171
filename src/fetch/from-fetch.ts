// An application of the Fetch kind as one of PEP 3333: its Response becomes a response body whose first
// block waits for it. A body can be closed at any time, so that a client which leaves is heard of even
// before there is a Response.

import { clientAddress } from '../environ/address.ts';
import { hasBody } from '../environ/body-length.ts';
import { ApplicationError } from '../errors.ts';
import { reasonOf } from '../gateway/reasons.ts';
import { checkBlock } from '../gateway/response.ts';
import { sanitizeHeaders, sanitizeReason } from '../gateway/sanitize.ts';
import { show } from '../show.ts';
import type { ApplicationFunction, Block, Closable, Environ, StartResponse, Write } from '../types.ts';
import type { Platform, ResponseBody } from './platform.ts';
import { headersOf, urlOf } from './request.ts';

/** What a handler is given beside the request, as in Workers. */
export interface FetchContext {
  /** The request is not over before `promise` has settled; a rejection is logged. */
  waitUntil(promise: unknown): void;
  /** There is nothing to pass through to: a failure is answered with 500. */
  passThroughOnException(): void;
  /** Empty: there is no configuration here but environ. */
  readonly props: object;
}

export type FetchFunction = (request: Request, environ: Environ, context: FetchContext) => Response | PromiseLike<Response>;

/** A function, or what has one named `fetch`: an application of Hono or Elysia, `export default { fetch }`. */
export type FetchHandler = FetchFunction | { fetch: FetchFunction };

export interface FromFetchOptions {
  /** Whether the request's URL has SCRIPT_NAME in front of the application's own path. Default: false. */
  wholePath?: boolean;
}

/** Returns `handler` as an application whose requests and responses are those of `platform`. */
export function fromFetchOn(platform: Platform, handler: FetchHandler, options: FromFetchOptions): ApplicationFunction {
  const { wholePath = false } = options;
  if (typeof handler !== 'function' && typeof handler?.fetch !== 'function') {
    throw new ApplicationError('handler-not-fetch', `A Fetch handler must be a function or have a method fetch, got ${show(handler)}`);
  }
  return (environ, startResponse) => new FetchAnswer(platform, handler, wholePath, environ, startResponse);
}

class FetchAnswer implements AsyncIterable<Block>, Closable {
  #platform: Platform;
  #handler: FetchHandler;
  #wholePath: boolean;
  #environ: Environ;
  #startResponse: StartResponse;
  /** Made when the handler asks for it: Node loads much for one. */
  #abortion: AbortController | undefined;
  /** The body, where it is read block by block. */
  #blocks: Blocks | undefined;
  /** How many bytes of it the gateway may still want. */
  #left = Infinity;
  #isOver = false;
  #isClosed = false;
  #waitedFor: PromiseLike<unknown>[] = [];

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
    this.#waitedFor.push(Promise.resolve(promise).catch(log));
  };

  passThroughOnException = (): void => {};

  async *[Symbol.asyncIterator](): AsyncGenerator<Block, void> {
    const response = await this.#call();
    const { status } = response;
    if (status === 0) throw new ApplicationError('response-error', 'The handler returned Response.error(), which no client can be sent');
    const body = this.#platform.body(response);
    const headers = this.#platform.headers(response);
    const length = wholeLength(body);
    const announced = headers.find(([name]) => name === 'content-length')?.[1];
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
    this.#isOver = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isOver) await this.#stop();
    // What is waited for may have more to wait for.
    while (this.#waitedFor.length > 0) await this.#waitedFor.shift();
  }

  async #call(): Promise<Response> {
    const environ = this.#environ;
    const request = this.#platform.request({
      url: urlOf(environ, this.#wholePath),
      method: environ.REQUEST_METHOD,
      headers: headersOf(environ),
      body: () => (hasBody(environ) ? environ['wsgi.input'] : undefined),
      signal: () => {
        this.#abortion ??= new AbortController();
        return this.#abortion.signal;
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
      if (isOfWorkers(error)) environ['wsgi.errors'].write(OF_WORKERS);
      throw error;
    }
    if (isResponse(response)) return response;
    throw new ApplicationError('response-missing', `A Fetch handler must return a Response, got ${show(response)}`);
  }

  /**
   * Passes blocks on one by one. The head waits for the first one only if that is there at once: an event stream may not
   * have one for minutes. A body of unknown length that is complete with its first block has the length of that.
   */
  async *#stream(blocks: Blocks, start: (length?: number) => Write, length: number | undefined): AsyncGenerator<Block, void> {
    let next = firstOf(blocks);
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
        // Not read ahead: it could fail while nobody waits for it.
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

  #counted(block: Block): Block {
    this.#left -= Buffer.byteLength(checkBlock(block));
    return block;
  }

  /** The gateway asks for no more: it has all that Content-Length promises, or the client has left. */
  async #stop(): Promise<void> {
    if (this.#left > 0) this.#abortion?.abort(departure());
    // A stream comes to its end all the same, unless it has more than it should.
    else if (!this.#isHead && (await this.#blocks?.next())?.done) return;
    await this.#cancel();
  }

  async #cancel(): Promise<void> {
    await this.#blocks?.cancel(departure());
  }

  get #isHead(): boolean {
    return this.#environ.REQUEST_METHOD === 'HEAD';
  }
}

const OF_WORKERS =
  'fetch: The handler needs what only Cloudflare Workers have; let it ask whether globalThis has it, and do without where not\n';

function isOfWorkers(error: unknown): boolean {
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

/** The first block that is not empty. */
async function firstOf(blocks: Blocks): Promise<IteratorResult<Block, unknown>> {
  let step = await blocks.next();
  while (!step.done && checkBlock(step.value).length === 0) step = await blocks.next();
  return step;
}

function departure(): DOMException {
  return new DOMException('The client has left, or the request was ended', 'AbortError');
}

/** How many bytes `body` has, where that is known without reading it. */
function wholeLength(body: ResponseBody): number | undefined {
  if (body === null) return 0;
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : 'size' in body ? body.size : undefined;
}

/** RFC 9110 §8.6: with these no length may be told, or one that GET would have. */
function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** Whether `promise` settles without waiting for anything from outside. */
function isSettled(promise: PromiseLike<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = () => resolve(true);
    promise.then(settle, settle);
    setImmediate(resolve, false);
  });
}

/** One of another realm, or of a library of its own, counts, too. */
function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value;
}
