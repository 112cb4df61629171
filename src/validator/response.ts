// The rules on startResponse() and write(), and how far the response has come.

import { ApplicationError } from '../errors.ts';
import { checkHeaders, checkStatus } from '../gateway/checks.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { show } from '../show.ts';
import type { Header, StartResponse, Write } from '../types.ts';
import type { Judge } from './violation.ts';

/** One response, as far as the validator has seen it. */
export class Responding {
  /** Whether the server has closed the body: the request has ended. */
  over = false;
  /** The body's next() is running. */
  iterating = false;
  readonly startResponse: StartResponse;
  #check: Judge;
  #isHead: boolean;
  #started = false;
  #sent = false;
  #statusCode = '';
  #headers: Header[] = [];
  #count = 0;

  constructor(startResponse: StartResponse, method: string, check: Judge) {
    this.#check = check;
    this.#isHead = method === 'HEAD';
    const { application, server } = check;

    /// ## startResponse(status, headers, excInfo?)
    ///
    /// The application calls it to begin the response. The server keeps both arguments, and sends them no sooner
    /// than it has the first block that is not empty, so that the application can still change its mind. When
    /// there is no such block, it sends them at the end of the body. An application that cannot wait for its first
    /// block says so by `write.flushHeaders()` (Δ).

    this.startResponse = (...args) => {
      const [status, headers, excInfo] = args;
      const replaces = excInfo !== undefined && excInfo !== null;
      /// - **`start-arguments`** It is called with two or three arguments. The third is the thrown value that has made
      ///   a second call necessary (Δ: Python's triple is one value here).
      application(
        'start-arguments',
        args.length === 2 || args.length === 3,
        () => `startResponse() takes two or three arguments, got ${args.length}`,
      );
      /// - **`start-twice`** A second call needs that third argument.
      application('start-twice', !this.#started || replaces, () => 'startResponse() called twice; a second call needs excInfo');
      /// - **`start-after-end`** It is not called when the request is over.
      application('start-after-end', !this.over, () => 'startResponse() called after the request had ended');
      this.#started = true;
      this.#checkStatus(status);
      this.#checkHeaders(status, headers);

      const write = startResponse(...args);
      /// - **`start-too-late`** Given `excInfo` when the head has left, the server throws `excInfo`. Otherwise the new
      ///   status and headers take the place of the old.
      server('start-too-late', !(replaces && this.#sent), () => 'startResponse() with excInfo must throw it when the head has left');
      this.#statusCode = String(status).slice(0, 3);
      this.#headers = headers;
      /// - **`start-returns-write`** It returns the function `write`.
      server('start-returns-write', typeof write === 'function', () => `startResponse() must return write(), got ${show(write)}`);

      /// ### write(block)
      ///
      /// Sends a block, and the head before the first. It is there for applications that cannot return their body.
      const checked: Write = (...blocks) => {
        /// - **`write-arguments`** It takes one block.
        application('write-arguments', blocks.length === 1, () => `write() takes one block, got ${blocks.length} arguments`);
        /// - **`write-while-iterating`** It is not called by a body while the server asks that for its next block:
        ///   whatever is written comes before everything that is iterated.
        application('write-while-iterating', !this.iterating, () => 'write() called from within the body; yield the block instead');
        /// - **`write-after-end`** It is not called when the request is over.
        application('write-after-end', !this.over, () => 'write() called after the request had ended');
        this.block(blocks[0]);
        const written: unknown = write(...blocks);
        this.handedOn();
        /// - **`write-returns`** It returns nothing, or a promise of nothing where the server has to wait before it can
        ///   take more (Δ). The application awaits that.
        server('write-returns', written === undefined || isPromiseLike(written), () => {
          return `write() must return undefined or a promise, got ${show(written)}`;
        });
        return written as void | Promise<void>;
      };

      /// ### write.flushHeaders()
      ///
      /// Sends the head alone, and at once (Δ: PEP 3333 has it wait for a block). It is there for a body whose first
      /// block may take long, as the first event of an event stream. A middleware with a `write` of its own need not
      /// have it; the head then waits.
      const flushHeaders = typeof write === 'function' ? write.flushHeaders : undefined;
      if (flushHeaders !== undefined) {
        checked.flushHeaders = () => {
          /// - **`flush-after-end`** It is not called when the request is over.
          application('flush-after-end', !this.over, () => 'write.flushHeaders() called after the request had ended');
          const flushed = flushHeaders.call(write);
          this.#sent = true;
          /// - **`flush-returns`** It returns nothing, or a promise of nothing.
          server('flush-returns', flushed === undefined || isPromiseLike(flushed), () => {
            return `write.flushHeaders() must return undefined or a promise, got ${show(flushed)}`;
          });
          return flushed;
        };
      }
      return checked;
    };
  }

  #checkStatus(status: unknown): void {
    /// ### The status
    ///
    /// - **`status-malformed`** A status is three digits, one space and a reason, as in `200 OK`; a byte string without
    ///   control characters and without space at its ends. 1xx is not a response.
    this.#asGateway(() => checkStatus(status));
  }

  #checkHeaders(status: unknown, headers: unknown): void {
    /// ### The headers
    ///
    /// - **`headers-not-a-list`** They are a real array of arrays of two, `[name, value]`. The server may change it.
    /// - **`header-name`** A name is a token of RFC 9110, without a colon.
    /// - **`header-value`** A value is a byte string without control characters, line ends among them.
    /// - **`header-hop-by-hop`** No header concerns the connection: `Connection`, `Keep-Alive`, `Proxy-Authenticate`,
    ///   `Proxy-Authorization`, `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`.
    /// - **`header-status`** None is named `Status`.
    /// - **`header-duplicate`** `Content-Length`, `Content-Type` and `Location` are there once at most.
    /// - **`content-length-malformed`** `Content-Length` is digits.
    this.#asGateway(() => checkHeaders(headers));
    if (!Array.isArray(headers)) return;
    const { application } = this.#check;
    for (const [name, value] of headers as Header[]) {
      /// - **`header-name-portable`** A name begins with a letter, holds letters, digits, `-` and `_`, and ends in
      ///   neither of those two: some servers lose what does not.
      application('header-name-portable', /^[a-z](?:[\w-]*[a-z0-9])?$/i.test(String(name)), () => {
        return `Some servers lose the header ${show(name)}; use letters, digits and "-"`;
      });
      /// - **`content-type-forbidden`** A 204 or 304 has no `Content-Type`.
      application('content-type-forbidden', !(/^content-type$/i.test(String(name)) && /^[23]04/.test(String(status))), () => {
        return `A response with the status ${show(status)} must not have a Content-Type, got ${show(value)}`;
      });
    }
  }

  /** The checks that a gateway makes, too. */
  #asGateway(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof ApplicationError)) throw error;
      this.#check.application(error.code, false, () => error.message);
    }
  }

  /// ### The blocks
  ///
  /// Blocks come from `write()`, and from the body after that. The server sends each at once, unaltered, and drops
  /// empty ones. Where the application gives no `Content-Length` and the body is one block for certain (a string,
  /// bytes, an array of one, nothing at all), the server adds it. To HEAD, and with the statuses 204, 205 and 304,
  /// it sends no body, whatever the application gives.

  /** Looks at a block before the server gets it. */
  block(block: unknown): void {
    const { application } = this.#check;
    /// - **`block-not-bytes`** Each is a `Uint8Array` or a string.
    const isBlock = typeof block === 'string' || block instanceof Uint8Array;
    application('block-not-bytes', isBlock, () => `A block must be a Uint8Array or a string, got ${show(block)}`);
    if (!isBlock) return;
    /// - **`block-before-start`** None comes before `startResponse()` was called.
    application('block-before-start', this.#started, () => 'A block came before startResponse() was called');
    const length = Buffer.byteLength(block);
    if (length === 0) return;
    this.#count += length;
    /// - **`body-forbidden`** A 204 or 304 has no body. (The body of a response to HEAD is the server's to drop.)
    application(
      'body-forbidden',
      !/^[23]04/.test(this.#statusCode),
      () => `A response with the status ${this.#statusCode} must not have a body`,
    );
    /// - **`content-type-missing`** A response with a body that is not empty has a `Content-Type`.
    application(
      'content-type-missing',
      this.#header('content-type') !== undefined,
      () => 'A response with a body must have a Content-Type',
    );
    /// - **`body-too-long`** All blocks together are not longer than `Content-Length`, where it is given.
    application('body-too-long', this.#count <= this.#length, () => `The body is longer than its Content-Length of ${this.#length}`);
  }

  /** The server has taken all blocks so far. */
  handedOn(): void {
    this.#sent ||= this.#count > 0;
  }

  /** The application has given its last block. */
  finish(): void {
    const { application } = this.#check;
    /// - **`start-never`** `startResponse()` has been called when the body ends.
    application('start-never', this.#started, () => 'The application ended without having called startResponse()');
    /// - **`body-too-short`** All blocks together are not shorter than `Content-Length`, where it is given, save in
    ///   a response to HEAD or a 304.
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
