// The response of one request: startResponse() and write() as the application calls them, and what they send to the sink. The
// head waits for the first block that is not empty (PEP 3333 #41), or for write.flushHeaders().

import { ApplicationError } from '../errors.ts';
import type { Block, Header, StartResponse, Write } from '../types.ts';
import { checkBlock, toBytes } from './block.ts';
import { checkHeaders, checkStatus } from './checks.ts';
import { contentLength, isContentLength } from './content-length.ts';
import type { Sink } from './sink.ts';
import { isBodiless } from './status.ts';

/** What the application has given to startResponse(), checked. */
interface Head {
  readonly status: string;
  /** A copy of the application's list, to which headers may be added. */
  readonly headers: Header[];
  /** What Content-Length promises; Infinity without Content-Length. */
  readonly length: number;
}

/** One response. The exchange sends its blocks and ends it; the application begins it by `startResponse`. */
export class Response {
  /** Whether the head has been sent. Nothing can replace it then. */
  headersSent = false;
  #sink: Sink;
  #isHead: boolean;
  #startCalled = false;
  /** Whether the application may not send anything any more. */
  #ended = false;
  #head: Head | undefined;
  /** How many bytes of body have been sent. */
  #sent = 0;
  /** How many bytes of body the head has promised; Infinity if it does not say. */
  #length = Infinity;
  /** Whether blocks are dropped: for HEAD, 204, 205 and 304. RFC 3875 #12, RFC 9110 §6.4.1 */
  #dropsBody = false;

  constructor(sink: Sink, requestMethod: string) {
    this.#sink = sink;
    this.#isHead = requestMethod === 'HEAD';
    this.write.flushHeaders = this.#flushHeaders;
  }

  /** Whether the head has been sent and no further block could reach the client. PEP 3333 #69 */
  get wantsNoMore(): boolean {
    return this.headersSent && (this.#dropsBody || this.#sent >= this.#length);
  }

  /** How many bytes Content-Length still allows; Infinity without Content-Length. */
  get remainingLength(): number {
    return this.headersSent ? this.#length - this.#sent : (this.#head?.length ?? Infinity);
  }

  readonly startResponse: StartResponse = (status, headers, excInfo) => {
    const replaces = excInfo !== undefined && excInfo !== null;
    // The head cannot be replaced any more, so the application's own error goes on. PEP 3333 #46
    if (replaces && this.headersSent) throw excInfo;
    if (this.#ended) throw new ApplicationError('write-after-end', 'startResponse() after the response has ended');
    if (this.#startCalled && !replaces) {
      throw new ApplicationError('start-response-twice', 'startResponse() called twice; a second call needs excInfo');
    }
    // Set before the checks: a call with bad arguments is a call. PEP 3333 #43
    this.#startCalled = true;
    this.#head = undefined;
    checkStatus(status);
    const checked = checkHeaders(headers);
    this.#head = { status, headers: checked, length: contentLength(checked) };
    return this.write;
  };

  readonly write: Write = (block) => {
    if (this.#ended) throw new ApplicationError('write-after-end', 'write() after the response has ended');
    return this.send(checkBlock(block));
  };

  /** Sends the head without a block, which differs from PEP 3333 #41. */
  #flushHeaders = (): void | Promise<void> => {
    if (this.#ended) throw new ApplicationError('write-after-end', 'write.flushHeaders() after the response has ended');
    if (this.headersSent) return;
    const head = this.#prepareHead(undefined);
    return this.#sink.start(head.status, head.headers, undefined, this.wantsNoMore);
  };

  /**
   * Sends a block; does nothing for an empty one (PEP 3333 #64). `isWhole` is true if the block is the whole body. `fileSize`
   * is the length of a body that begins with it, if that is known. When the block goes beyond Content-Length, sends the part
   * that fits, then throws an `ApplicationError` (#68, #70).
   */
  send(block: Block, isWhole = false, fileSize?: number): void | Promise<void> {
    const length = typeof block === 'string' ? Buffer.byteLength(block) : block.length;
    if (length === 0) return;
    const head = this.headersSent ? undefined : this.#prepareHead(isWhole ? length : fileSize);
    if (this.#dropsBody) return head && this.#sink.start(head.status, head.headers, undefined, true);
    const room = this.#length - this.#sent;
    if (length <= room) {
      this.#sent += length;
      return head ? this.#sink.start(head.status, head.headers, block, length === room) : this.#sink.write(block);
    }
    this.#sent += room;
    const fitting = room > 0 ? toBytes(block).subarray(0, room) : undefined;
    const sent = head ? this.#sink.start(head.status, head.headers, fitting, true) : fitting && this.#sink.write(fitting);
    const throwTooLong = () => {
      throw new ApplicationError('body-too-long', `The body is longer than its Content-Length of ${this.#length}; the rest is dropped`);
    };
    return sent ? sent.then(throwTooLong) : throwTooLong();
  }

  /** Sends an open file, from where it stands to its end or to Content-Length. The head must have been sent. */
  sendFile(descriptor: number, sendFile: NonNullable<Sink['sendFile']>): void | Promise<void> {
    const count = sendFile.call(this.#sink, descriptor, this.remainingLength);
    const addToSent = (bytes: number) => {
      this.#sent += bytes;
    };
    return typeof count === 'number' ? addToSent(count) : count.then(addToSent);
  }

  /**
   * Ends the body. Sends the head if no block has (PEP 3333 #65). Throws an `ApplicationError` if the body is shorter than its
   * Content-Length (#71).
   */
  finish(): void | Promise<void> {
    const head = this.headersSent ? undefined : this.#prepareHead(0);
    this.#ended = true;
    const sent = head && this.#sink.start(head.status, head.headers, undefined, this.wantsNoMore);
    return sent ? sent.then(() => this.#checkLength()) : this.#checkLength();
  }

  /** Refuses whatever the application sends from now on. */
  abandon(): void {
    this.#ended = true;
  }

  /**
   * Sends a bare status for a failure, whatever the application has set. The client sees nothing else of the failure; its cause
   * goes to the log. The head must not have been sent.
   */
  sendFailure(status: string): void | Promise<void> {
    this.#ended = true;
    this.headersSent = true;
    const page = `${status}\n`;
    const headers: Header[] = [
      ['Content-Type', 'text/plain'],
      ['Content-Length', String(page.length)],
    ];
    return this.#sink.start(status, headers, this.#isHead ? undefined : page, true);
  }

  /** Returns the head to send, with a Content-Length added if `bodyLength` is known and the application has given none. */
  #prepareHead(bodyLength: number | undefined): Head {
    if (this.#head === undefined) {
      // PEP 3333 #57. A block of the returned body counts as one for write().
      throw new ApplicationError(
        'write-before-start-response',
        this.#startCalled
          ? 'write() after a startResponse() that was refused; call it again, with excInfo'
          : 'write() before startResponse(); the application sent its body, or ended, without having called it',
      );
    }
    this.headersSent = true;
    const head = this.#head;
    const { headers } = head;
    this.#length = head.length;
    const statusCode = Number(head.status.slice(0, 3));
    this.#dropsBody = this.#isHead || isBodiless(statusCode);
    if (statusCode === 204 || statusCode === 205) {
      const at = headers.findIndex(isContentLength);
      if (at >= 0) headers.splice(at, 1); // RFC 9110 §8.6
      if (statusCode === 205) headers.push(['Content-Length', '0']); // RFC 9110 §15.3.6
    } else if (head.length === Infinity && bodyLength !== undefined && statusCode !== 304 && !(this.#isHead && bodyLength === 0)) {
      // An empty body for HEAD does not tell how long the body for GET would be.
      headers.push(['Content-Length', String(bodyLength)]);
      this.#length = bodyLength;
    }
    return head;
  }

  #checkLength(): void {
    if (this.#dropsBody || this.#length === Infinity || this.#sent >= this.#length) return;
    throw new ApplicationError('body-too-short', `The body ended after ${this.#sent} of ${this.#length} bytes of its Content-Length`);
  }
}
