// A PEP 3333 application as a function of the Fetch kind, for servers that want one: Bun, Deno, srvx, a test.

import { checkBodySize } from '../environ/body-length.ts';
import { requestVariables, toEnviron } from '../environ/environ.ts';
import { headerVariables, targetVariables } from '../environ/http.ts';
import { ApplicationError, RequestError } from '../errors.ts';
import { toFunction } from '../gateway/application.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { Exchange } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { Input } from '../gateway/input.ts';
import { clientGone } from '../gateway/interruptions.ts';
import { BARE_STATUS } from '../gateway/response.ts';
import type { Sink } from '../gateway/sink.ts';
import { NO_BODY } from '../gateway/source.ts';
import { Spool } from '../gateway/spool.ts';
import { wrapFile } from '../gateway/wrap-file.ts';
import { show } from '../show.ts';
import type { Application, Block, Header } from '../types.ts';
import { type Platform, streamOf } from './platform.ts';

export interface ToFetchOptions {
  /** What is added to environ, where it wins: `{ SCRIPT_NAME: '/app', REMOTE_ADDR: … }`. */
  env?: Readonly<Record<string, unknown>>;
  /** Bytes above which a request body is answered with 413. Default: no limit. */
  maxBodySize?: number;
  /** Where `wsgi.errors` and the causes of failures go. Default: standard error. */
  errors?: { write(text: string): unknown };
}

/** Returns `application` as a function from a Request to a promise of a Response, those of `platform`. */
export function toFetchOn(platform: Platform, application: Application, options: ToFetchOptions): (request: Request) => Promise<Response> {
  const callable = toFunction(application);
  const { env, maxBodySize = Infinity, errors: target = process.stderr } = options;
  const errors = errorStream(target);

  return async (request) => {
    let body: Spool | undefined;
    let application = callable;
    try {
      body = await take(request, maxBodySize);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      application = () => {
        throw error;
      };
    }
    const variables = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_SOFTWARE: 'run-with-cgi',
      REQUEST_METHOD: request.method,
      ...serverVariables(request.url),
      ...headerVariables(request.headers),
      ...(body && { CONTENT_LENGTH: String(body.length) }),
    };
    const environ = toEnviron(requestVariables(variables, env), {
      input: body ? new Input(body, body.length) : new Input(NO_BODY, 0),
      errors,
      fileWrapper: wrapFile,
      multithread: true,
      multiprocess: false,
      runOnce: false,
    });
    const outlet = new Outlet(platform);
    const exchange = new Exchange(application, environ, outlet, (error) => errors.write(formatFailure('fetch', error)));
    const leave = () => exchange.interrupt(clientGone());
    request.signal.addEventListener('abort', leave);
    outlet.onCancel = leave;
    exchange.start().then(() => {
      request.signal.removeEventListener('abort', leave);
      body?.close();
    });
    return outlet.response;
  };
}

function serverVariables(url: string): Record<string, string> {
  const { protocol, hostname, port, host } = new URL(url);
  const isSecure = protocol === 'https:';
  return {
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_NAME: hostname,
    SERVER_PORT: port || (isSecure ? '443' : '80'),
    HTTP_HOST: host,
    REMOTE_ADDR: '',
    ...(isSecure && { HTTPS: 'on' }),
    ...targetVariables(url.slice(url.indexOf(host) + host.length).replace(/#.*$/s, '') || '/'),
  };
}

/**
 * Takes the body in whole, since the reads of `wsgi.input` cannot wait. Throws a `RequestError` when it is longer than
 * `limit`, what its stream throws, and the reason for which the signal was aborted.
 */
async function take({ body, headers, signal }: Request, limit: number): Promise<Spool | undefined> {
  if (body === null) return undefined;
  const reader = body.getReader();
  const spool = new Spool();
  const leave = () => void reader.cancel(signal.reason).catch(() => {}); // ends a read that waits
  signal.addEventListener('abort', leave);
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
    signal.removeEventListener('abort', leave);
  }
}

const BARE: ResponseInit = { status: 500, statusText: 'Internal Server Error', headers: { 'Content-Type': 'text/plain' } };

/** Where the gateway puts the response: a Response, whose body takes a block when somebody reads one. */
class Outlet implements Sink {
  response: Promise<Response>;
  onCancel = () => {};
  #platform: Platform;
  #respond!: (response: Response) => void;
  #begun = false;
  /** The block that waits to be read, and what happens then. */
  #waiting: { block: Uint8Array; taken(): void } | undefined;
  #wanted: ((step: IteratorResult<Uint8Array, undefined>) => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;
  #ended: { complete: boolean } | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.response = new Promise((resolve) => {
      this.#respond = resolve;
    });
  }

  start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void> {
    const code = Number(status.slice(0, 3));
    if (code > 599) {
      throw new ApplicationError('status-malformed', `The status of a Fetch Response must be from 200 to 599, got ${show(status)}`);
    }
    this.#begun = true;
    const init = { status: code, statusText: status.slice(4), headers: headers as [string, string][] };
    const isBodiless = code === 204 || code === 205 || code === 304;
    if (isComplete || isBodiless) {
      const body = block === undefined || isBodiless ? null : toBytes(block);
      this.#respond(this.#platform.response(body, init));
      return;
    }
    this.#respond(this.#platform.response(streamOf({ [Symbol.asyncIterator]: () => this.#iterator() }), init));
    if (block !== undefined) return this.write(block);
  }

  write(block: Block): Promise<void> {
    const bytes = toBytes(block);
    return new Promise((resolve) => {
      if (this.#wanted) {
        this.#wanted({ done: false, value: bytes });
        this.#wanted = undefined;
        resolve();
      } else {
        this.#waiting = { block: bytes, taken: resolve };
      }
    });
  }

  end(complete: boolean): void {
    this.#ended = { complete };
    if (complete) this.#wanted?.({ done: true, value: undefined });
    else this.#failed?.(new TypeError('The response ended before it was complete'));
    if (!this.#begun) this.#respond(this.#platform.response(Buffer.from(`${BARE_STATUS[500]}\n`), BARE));
  }

  #iterator(): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          const waiting = this.#waiting;
          if (waiting) {
            this.#waiting = undefined;
            resolve({ done: false, value: waiting.block });
            waiting.taken();
          } else if (this.#ended) {
            if (this.#ended.complete) resolve({ done: true, value: undefined });
            else reject(new TypeError('The response ended before it was complete'));
          } else {
            this.#wanted = resolve;
            this.#failed = reject;
          }
        }),
      return: async () => {
        this.onCancel();
        return { done: true, value: undefined };
      },
    };
  }
}

function toBytes(block: Block): Uint8Array {
  return typeof block === 'string' ? Buffer.from(block) : block;
}
