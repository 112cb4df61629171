// An application of the Fetch kind as one of PEP 3333: its Response becomes a response body whose first
// block waits for it. A body can be closed at any time, so that a client which leaves is heard of even
// before there is a Response.

import { ApplicationError } from '../errors.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { reasonOf } from '../gateway/reasons.ts';
import { show } from '../show.ts';
import type { ApplicationFunction, Block, Closable, Environ, Header, StartResponse } from '../types.ts';
import type { Platform, ResponseBody } from './platform.ts';
import { hasBody, headersOf, urlOf } from './request.ts';

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
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #isOver = false;
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
    const hasLength = headers.some(([name]) => name === 'content-length');
    if (length !== undefined && !hasLength && !isBodiless(status)) headers.push(['content-length', String(length)]);
    const start = () => this.#startResponse(`${status} ${response.statusText || reasonOf(status)}`, this.#sendable(headers));
    if (typeof body === 'string' || body instanceof Uint8Array || body === null) {
      start();
      if (body !== null) yield body;
    } else {
      yield* this.#stream(body, start, hasLength ? undefined : headers);
    }
    this.#isOver = true;
  }

  async close(): Promise<void> {
    if (!this.#isOver) {
      const reason = new DOMException('The client has left, or the request was ended', 'AbortError');
      this.#abortion?.abort(reason);
      await this.#reader?.cancel(reason).catch(() => {});
    }
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
      ip: { value: environ.REMOTE_ADDR, configurable: true, enumerable: true },
      waitUntil: { value: this.waitUntil, configurable: true, enumerable: true },
    });
    const handler = this.#handler;
    const context = { waitUntil: this.waitUntil, passThroughOnException: this.passThroughOnException, props: {} };
    const response: unknown = await (typeof handler === 'function'
      ? handler(request, environ, context)
      : handler.fetch(request, environ, context));
    if (isResponse(response)) return response;
    throw new ApplicationError('response-missing', `A Fetch handler must return a Response, got ${show(response)}`);
  }

  /** Applications set headers that are the web server's. */
  #sendable(headers: readonly Header[]): Header[] {
    const sendable: Header[] = [];
    for (const [name, value] of headers) {
      if (isHopByHop(name)) continue;
      sendable.push([name, value.replaceAll('\t', ' ')]);
    }
    return sendable;
  }

  /** Passes blocks on one by one. A body that is complete with its first block gets a length, where `headers` may have one. */
  async *#stream(
    body: Exclude<ResponseBody, string | Uint8Array | null>,
    start: () => unknown,
    headers: Header[] | undefined,
  ): AsyncGenerator<Block, void> {
    const blocks = 'getReader' in body ? this.#read(body) : 'stream' in body ? this.#read(body.stream()) : body;
    const iterator = blocks[Symbol.asyncIterator]();
    const first = await iterator.next();
    const second = first.done ? undefined : iterator.next();
    if (headers && second && (await isSettled(second)) && (await second).done) {
      headers.push(['content-length', String(first.value?.length ?? 0)]);
    }
    start();
    if (first.done || second === undefined) return;
    try {
      yield first.value;
      for (let step = await second; !step.done; step = await iterator.next()) yield step.value;
    } finally {
      await iterator.return?.();
    }
  }

  async *#read(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const reader = stream.getReader();
    this.#reader = reader;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  }
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
