// The rules on startResponse() and write(), on the status, the headers and the blocks.

import { ApplicationError } from '../errors.ts';
import { checkHeaders, checkStatus } from '../gateway/checks.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { show } from '../show.ts';
import type { Header, StartResponse, Write } from '../types.ts';
import type { Enforcer } from './contract-error.ts';

/** Checks one response, and remembers how far it has come. */
export class ResponseChecker {
  /** Whether the request is over: the server has closed the body. */
  over = false;
  /** Whether the body's next() is running. */
  iterating = false;
  #startServerResponse: StartResponse;
  #enforce: Enforcer;
  #isHead: boolean;
  #started = false;
  /** Whether the head has been sent. */
  #sent = false;
  #statusCode = '';
  #headers: Header[] = [];
  /** How many bytes of body the application has given. */
  #count = 0;

  constructor(startResponse: StartResponse, method: string, enforce: Enforcer) {
    this.#startServerResponse = startResponse;
    this.#enforce = enforce;
    this.#isHead = method === 'HEAD';
  }

  /// ## startResponse(status, headers, excInfo?)
  ///
  /// The application calls `startResponse` to begin its response. The server keeps the status and the headers, and sends them
  /// with the first block that is not empty, so that the application can still replace them until then. If there is no such
  /// block, the server sends them at the end of the body. An application that cannot wait for its first block calls
  /// `write.flushHeaders()` (Δ).

  /** The server's startResponse() with the checks, for the application. */
  readonly startResponse: StartResponse = (...args) => {
    const { application, server } = this.#enforce;
    const [status, headers, excInfo] = args;
    const replaces = excInfo !== undefined && excInfo !== null;
    /// - **`start-arguments`** The application calls `startResponse` with two or three arguments. The third is the thrown
    ///   value that has made a second call necessary (Δ: in Python it is a tuple of three).
    application(
      'start-arguments',
      args.length === 2 || args.length === 3,
      () => `startResponse() takes two or three arguments, got ${args.length}`,
    );
    /// - **`start-twice`** A second call needs the third argument.
    application('start-twice', !this.#started || replaces, () => 'startResponse() called twice; a second call needs excInfo');
    /// - **`start-after-end`** The application does not call `startResponse` after the request is over.
    application('start-after-end', !this.over, () => 'startResponse() called after the request had ended');
    this.#started = true;
    this.#checkStatus(status);
    this.#checkHeaders(status, headers);

    const write = this.#startServerResponse(...args);
    /// - **`start-too-late`** If the head has been sent when `startResponse` is called with `excInfo`, the server throws
    ///   `excInfo`. Otherwise the new status and headers replace the old ones.
    server('start-too-late', !(replaces && this.#sent), () => 'startResponse() with excInfo must throw it when the head has left');
    this.#statusCode = String(status).slice(0, 3);
    this.#headers = headers;
    /// - **`start-returns-write`** `startResponse` returns the function `write`.
    server('start-returns-write', typeof write === 'function', () => `startResponse() must return write(), got ${show(write)}`);
    return this.#checkedWrite(write);
  };

  /// ### write(block)
  ///
  /// `write` sends a block, with the head before the first one. It is for applications that cannot return their body.

  #checkedWrite(write: Write): Write {
    const { application, server } = this.#enforce;
    const checked: Write = (...blocks) => {
      /// - **`write-arguments`** `write` takes one block.
      application('write-arguments', blocks.length === 1, () => `write() takes one block, got ${blocks.length} arguments`);
      /// - **`write-while-iterating`** A body does not call `write` while the server waits for its next block. Blocks of
      ///   `write` come before all blocks of the body.
      application('write-while-iterating', !this.iterating, () => 'write() called from within the body; yield the block instead');
      /// - **`write-after-end`** The application does not call `write` after the request is over.
      application('write-after-end', !this.over, () => 'write() called after the request had ended');
      this.checkBlock(blocks[0]);
      const written: unknown = write(...blocks);
      this.markSent();
      /// - **`write-returns`** `write` returns nothing, or a promise of nothing if the server has to wait before it can take
      ///   more (Δ). The application awaits the promise.
      server('write-returns', written === undefined || isPromiseLike(written), () => {
        return `write() must return undefined or a promise, got ${show(written)}`;
      });
      return written as void | Promise<void>;
    };
    const flushHeaders = typeof write === 'function' ? write.flushHeaders : undefined;
    if (flushHeaders !== undefined) checked.flushHeaders = () => this.#checkFlush(() => flushHeaders.call(write));
    return checked;
  }

  /// ### write.flushHeaders()
  ///
  /// `flushHeaders` sends the head at once, without a block (Δ: in PEP 3333 the head waits for a block). It is for a body
  /// whose first block may take long, such as an event stream. Middleware with a `write` of its own may leave it out; then
  /// the head waits.

  #checkFlush(flush: () => void | Promise<void>): void | Promise<void> {
    const { application, server } = this.#enforce;
    /// - **`flush-after-end`** The application does not call `flushHeaders` after the request is over.
    application('flush-after-end', !this.over, () => 'write.flushHeaders() called after the request had ended');
    const flushed = flush();
    this.#sent = true;
    /// - **`flush-returns`** `flushHeaders` returns nothing, or a promise of nothing.
    server('flush-returns', flushed === undefined || isPromiseLike(flushed), () => {
      return `write.flushHeaders() must return undefined or a promise, got ${show(flushed)}`;
    });
    return flushed;
  }

  #checkStatus(status: unknown): void {
    /// ### The status
    ///
    /// - **`status-malformed`** The status is three digits, one space and a reason, as in `200 OK`. It is a byte string without
    ///   control characters, and does not end in a space. 1xx is not the status of a response.
    this.#runGatewayCheck(() => checkStatus(status));
  }

  #checkHeaders(status: unknown, headers: unknown): void {
    /// ### The headers
    ///
    /// - **`headers-not-a-list`** The headers are a real array of arrays of two, `[name, value]`. The server may change it.
    /// - **`header-name`** A name is a token of RFC 9110, without a colon.
    /// - **`header-value`** A value is a byte string without control characters; line ends are control characters.
    /// - **`header-hop-by-hop`** No header is one that belongs to the connection: `Connection`, `Keep-Alive`,
    ///   `Proxy-Authenticate`, `Proxy-Authorization`, `Proxy-Connection`, `TE`, `Trailer`, `Trailers`, `Transfer-Encoding`, `Upgrade`.
    /// - **`header-status`** No header has the name `Status`.
    /// - **`header-duplicate`** `Content-Length`, `Content-Type` and `Location` occur at most once.
    /// - **`content-length-malformed`** `Content-Length` consists of digits.
    this.#runGatewayCheck(() => checkHeaders(headers));
    if (!Array.isArray(headers)) return;
    const { application } = this.#enforce;
    for (const [name, value] of headers as Header[]) {
      /// - **`header-name-portable`** A name begins with a letter, consists of letters, digits, `-` and `_`, and ends in a
      ///   letter or a digit. Some servers lose headers with other names.
      application('header-name-portable', /^[a-z](?:[\w-]*[a-z0-9])?$/i.test(String(name)), () => {
        return `Some servers lose the header ${show(name)}; use letters, digits and "-"`;
      });
      /// - **`content-type-forbidden`** A response with the status 204 or 304 has no `Content-Type`.
      application('content-type-forbidden', !(/^content-type$/i.test(String(name)) && /^[23]04/.test(String(status))), () => {
        return `A response with the status ${show(status)} must not have a Content-Type, got ${show(value)}`;
      });
    }
  }

  /** Runs a check of the gateway, whose errors have the names of the rules. */
  #runGatewayCheck(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof ApplicationError)) throw error;
      this.#enforce.application(error.code, false, () => error.message);
    }
  }

  /// ### The blocks
  ///
  /// The blocks of `write()` come first, then those of the body. The server sends each block at once and unchanged, and drops
  /// empty ones. It adds `Content-Length` if the application gives none and the body is certain to be one block or none: a
  /// string, bytes, an array of one, or nothing. For HEAD, and with the statuses 204, 205 and 304, it sends no body, whatever
  /// the application gives.

  /** Checks a block before the server gets it. */
  checkBlock(block: unknown): void {
    const { application } = this.#enforce;
    /// - **`block-not-bytes`** A block is a `Uint8Array` or a string.
    const isBlock = typeof block === 'string' || block instanceof Uint8Array;
    application('block-not-bytes', isBlock, () => `A block must be a Uint8Array or a string, got ${show(block)}`);
    if (!isBlock) return;
    /// - **`block-before-start`** No block comes before the call of `startResponse()`.
    application('block-before-start', this.#started, () => 'A block came before startResponse() was called');
    const length = Buffer.byteLength(block);
    if (length === 0) return;
    this.#count += length;
    /// - **`body-forbidden`** A response with the status 204 or 304 has no body. (An application may give a body for HEAD; the
    ///   server drops it.)
    application(
      'body-forbidden',
      !/^[23]04/.test(this.#statusCode),
      () => `A response with the status ${this.#statusCode} must not have a body`,
    );
    /// - **`content-type-missing`** A response whose body is not empty has a `Content-Type`.
    application(
      'content-type-missing',
      this.#header('content-type') !== undefined,
      () => 'A response with a body must have a Content-Type',
    );
    /// - **`body-too-long`** All blocks together are not longer than `Content-Length`, if that is set.
    application('body-too-long', this.#count <= this.#length, () => `The body is longer than its Content-Length of ${this.#length}`);
  }

  /** The server has got all blocks so far, and with the first one has sent the head. */
  markSent(): void {
    this.#sent ||= this.#count > 0;
  }

  /** Checks that the response is complete, after the application has given its last block. */
  checkEnd(): void {
    const { application } = this.#enforce;
    /// - **`start-never`** The application calls `startResponse()` before its body ends.
    application('start-never', this.#started, () => 'The application ended without having called startResponse()');
    /// - **`body-too-short`** All blocks together are not shorter than `Content-Length`, if that is set. A response to HEAD,
    ///   and one with the status 304, may be shorter.
    const isBodiless = this.#isHead || this.#statusCode === '304';
    application('body-too-short', isBodiless || this.#length === Infinity || this.#count >= this.#length, () => {
      return `The body ended after ${this.#count} of ${this.#length} bytes of its Content-Length`;
    });
  }

  get #length(): number {
    const length = this.#header('content-length');
    return length !== undefined && /^\d+$/.test(length) ? Number(length) : Infinity;
  }

  #header(name: string): string | undefined {
    return Array.isArray(this.#headers) ? this.#headers.find((header) => String(header?.[0]).toLowerCase() === name)?.[1] : undefined;
  }
}
