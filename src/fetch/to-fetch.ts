// toFetch(): an application of PEP 3333 as a Fetch handler, for servers that take one (Bun, Deno, srvx) and for tests.

import { checkBodySize } from '../environ/body-length.ts';
import { completeVariables } from '../environ/environ.ts';
import { headerVariables, targetVariables } from '../environ/http.ts';
import { ApplicationError, RequestError } from '../errors.ts';
import { toFunction } from '../gateway/application.ts';
import { toBytes } from '../gateway/block.ts';
import { toEnviron } from '../gateway/environ.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { Exchange } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { Input } from '../gateway/input.ts';
import { clientGone } from '../gateway/interruptions.ts';
import { refusing } from '../gateway/refusing.ts';
import type { Sink } from '../gateway/sink.ts';
import { NO_BODY } from '../gateway/source.ts';
import { Spool } from '../gateway/spool.ts';
import { isBodiless } from '../gateway/status.ts';
import { show } from '../show.ts';
import type { Application, Block, Header } from '../types.ts';
import { type Platform, streamOf } from './platform.ts';

export interface ToFetchOptions {
  /** Variables to add to environ. They win over those of the request. `{ SCRIPT_NAME: '/app', REMOTE_ADDR: … }` */
  env?: Readonly<Record<string, unknown>>;
  /** The largest request body, in bytes. A larger one is answered with 413. Default: no limit. */
  maxBodySize?: number;
  /** Where `wsgi.errors` and the causes of failures go. Default: standard error. */
  errors?: { write(text: string): unknown };
}

/** Returns `application` as a function from a Request to a promise of a Response. Both are classes of `platform`. */
export function toFetchOn(platform: Platform, application: Application, options: ToFetchOptions): (request: Request) => Promise<Response> {
  const callable = toFunction(application);
  const { env, maxBodySize = Infinity, errors: target = process.stderr } = options;
  const errors = errorStream(target);

  return async (request) => {
    let body: Spool | undefined;
    let application = callable;
    try {
      body = await spoolBody(request, maxBodySize);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      application = refusing(error);
    }
    const variables = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_SOFTWARE: 'run-with-cgi',
      REQUEST_METHOD: request.method,
      ...serverVariables(request.url),
      ...headerVariables(request.headers),
      ...(body && { CONTENT_LENGTH: String(body.length) }),
    };
    const environ = toEnviron(completeVariables(variables, env), {
      input: body ? new Input(body, body.length) : new Input(NO_BODY, 0),
      errors,
      multithread: true,
      multiprocess: false,
      runOnce: false,
    });
    const sink = new FetchSink(platform);
    const exchange = new Exchange(application, environ, sink, (error) => errors.write(formatFailure('fetch', error)));
    const abort = () => exchange.interrupt(clientGone());
    request.signal.addEventListener('abort', abort);
    sink.onCancel = abort;
    const finished = exchange.start();
    if (request.signal.aborted) abort(); // before there was a listener
    finished.then(() => {
      request.signal.removeEventListener('abort', abort);
      body?.close();
    });
    return sink.response;
  };
}

function serverVariables(url: string): Record<string, string> {
  const { protocol, hostname, port, host, href } = new URL(url);
  const isSecure = protocol === 'https:';
  return {
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_NAME: hostname,
    SERVER_PORT: port || (isSecure ? '443' : '80'),
    HTTP_HOST: host,
    REMOTE_ADDR: '',
    ...(isSecure && { HTTPS: 'on' }),
    // The path begins behind "//" and the host.
    ...targetVariables(href.slice(href.indexOf('/', protocol.length + 2)).replace(/#.*$/s, '')),
  };
}

/**
 * Reads the whole body, because the synchronous reads of `wsgi.input` cannot wait for it. Rejects with a `RequestError` if the
 * body is longer than `limit`, with the error of its stream, or with the reason for which the request's signal was aborted.
 */
async function spoolBody({ body, headers, signal }: Request, limit: number): Promise<Spool | undefined> {
  if (body === null) return undefined;
  const reader = body.getReader();
  const spool = new Spool();
  const stop = () => void reader.cancel(signal.reason).catch(() => {}); // ends a read that waits
  signal.addEventListener('abort', stop);
  try {
    checkBodySize(Number(headers.get('content-length')) || 0, limit);
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      spool.add(Buffer.from(step.value));
      checkBodySize(spool.length, limit);
    }
    signal.throwIfAborted();
    return spool;
  } catch (error) {
    spool.close();
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The response to a failure of the response itself: a status that a Response cannot have, for instance. */
const FAILURE: ResponseInit = { status: 500, statusText: 'Internal Server Error', headers: { 'Content-Type': 'text/plain' } };

/** The sink: makes a Response of the head, and a stream of the blocks that gives one whenever one is read. */
class FetchSink implements Sink {
  /** Resolves with the head. */
  readonly response: Promise<Response>;
  /** Is called when the body of the response is cancelled. */
  onCancel = () => {};
  #platform: Platform;
  #resolveResponse!: (response: Response) => void;
  #started = false;
  /** The block that waits to be read, and the function to call when it is. */
  #pending: { block: Uint8Array; onRead(): void } | undefined;
  /** The read that waits for a block. */
  #read: { resolve(step: IteratorResult<Uint8Array, undefined>): void; reject(error: unknown): void } | undefined;
  /** How the response has ended; undefined until then. */
  #ended: { isComplete: boolean } | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.response = new Promise((resolve) => {
      this.#resolveResponse = resolve;
    });
  }

  start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void> {
    const code = Number(status.slice(0, 3));
    if (code > 599) {
      throw new ApplicationError('status-malformed', `The status of a Fetch Response must be from 200 to 599, got ${show(status)}`);
    }
    this.#started = true;
    const init = { status: code, statusText: status.slice(4), headers: headers as [string, string][] };
    if (isComplete || isBodiless(code)) {
      const body = block === undefined || isBodiless(code) ? null : toBytes(block);
      this.#resolveResponse(this.#platform.response(body, init));
      return;
    }
    this.#resolveResponse(this.#platform.response(streamOf({ [Symbol.asyncIterator]: () => this.#iterator() }), init));
    if (block !== undefined) return this.write(block);
  }

  write(block: Block): Promise<void> {
    const bytes = toBytes(block);
    return new Promise((resolve) => {
      if (this.#read) {
        this.#read.resolve({ done: false, value: bytes });
        this.#read = undefined;
        resolve();
      } else {
        this.#pending = { block: bytes, onRead: resolve };
      }
    });
  }

  end(isComplete: boolean): void {
    this.#ended = { isComplete };
    if (isComplete) this.#read?.resolve({ done: true, value: undefined });
    else this.#read?.reject(incompleteError());
    if (!this.#started) this.#resolveResponse(this.#platform.response(Buffer.from('500 Internal Server Error\n'), FAILURE));
  }

  #iterator(): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          const pending = this.#pending;
          if (pending) {
            this.#pending = undefined;
            resolve({ done: false, value: pending.block });
            pending.onRead();
          } else if (this.#ended) {
            if (this.#ended.isComplete) resolve({ done: true, value: undefined });
            else reject(incompleteError());
          } else {
            this.#read = { resolve, reject };
          }
        }),
      return: async () => {
        this.onCancel();
        return { done: true, value: undefined };
      },
    };
  }
}

function incompleteError(): TypeError {
  return new TypeError('The response ended before it was complete');
}
