// One response under construction: startResponse() and write() as the application sees them, and what
// they may send. The head waits for the first block that is not empty (PEP 3333 #41), or for write.flushHeaders().

import { ApplicationError, type StatusHint } from '../errors.ts';
import { show } from '../show.ts';
import type { Block, Header, StartResponse, Write } from '../types.ts';
import { checkHeaders, checkStatus } from './checks.ts';
import type { Sink } from './sink.ts';

interface Head {
  readonly status: string;
  /** A copy that is ours to change. */
  readonly headers: Header[];
  /** What Content-Length promises; Infinity without one. */
  readonly length: number;
}

/** What the client sees of a failure. The cause is for the log alone. */
export const BARE_STATUS: Readonly<Record<StatusHint, string>> = {
  400: '400 Bad Request',
  411: '411 Length Required',
  413: '413 Content Too Large',
  431: '431 Request Header Fields Too Large',
  500: '500 Internal Server Error',
  502: '502 Bad Gateway',
  503: '503 Service Unavailable',
  504: '504 Gateway Timeout',
  507: '507 Insufficient Storage',
};

export class Response {
  /** Whether the head has left: from then on nothing can be taken back. */
  headersSent = false;
  #sink: Sink;
  #isHead: boolean;
  #startCalled = false;
  #over = false;
  #head: Head | undefined;
  #sent = 0;
  #length = Infinity;
  /** HEAD, 204, 205 and 304: blocks are taken and dropped. RFC 3875 #12, RFC 9110 §6.4.1. */
  #bodiless = false;

  constructor(sink: Sink, requestMethod: string) {
    this.#sink = sink;
    this.#isHead = requestMethod === 'HEAD';
    this.write.flushHeaders = this.#flushHeaders;
  }

  /** True once further blocks could not reach the client. PEP 3333 #69. */
  get satisfied(): boolean {
    return this.headersSent && (this.#bodiless || this.#sent >= this.#length);
  }

  /** How many bytes Content-Length still allows; Infinity without one. */
  get room(): number {
    return this.headersSent ? this.#length - this.#sent : (this.#head?.length ?? Infinity);
  }

  readonly startResponse: StartResponse = (status, headers, excInfo) => {
    const replaces = excInfo !== undefined && excInfo !== null;
    // Too late to replace anything, so the application's own error goes on. PEP 3333 #46
    if (replaces && this.headersSent) throw excInfo;
    if (this.#over) throw new ApplicationError('write-after-end', 'startResponse() after the response has ended');
    if (this.#startCalled && !replaces) {
      throw new ApplicationError('start-response-twice', 'startResponse() called twice; a second call needs excInfo');
    }
    // Before the checks: a call that fails them is a call. PEP 3333 #43
    this.#startCalled = true;
    this.#head = undefined;
    checkStatus(status);
    const checked = checkHeaders(headers);
    this.#head = { status, headers: checked, length: contentLength(checked) };
    return this.write;
  };

  readonly write: Write = (block) => {
    if (this.#over) throw new ApplicationError('write-after-end', 'write() after the response has ended');
    return this.send(checkBlock(block));
  };

  /** Sends the head without a block: a departure from PEP 3333 #41. */
  #flushHeaders = (): void | Promise<void> => {
    if (this.#over) throw new ApplicationError('write-after-end', 'write.flushHeaders() after the response has ended');
    if (this.headersSent) return;
    const head = this.#prepareHead(undefined);
    return this.#sink.start(head.status, head.headers, undefined, this.satisfied);
  };

  /**
   * Sends a block; an empty one sends nothing (PEP 3333 #64). `isWhole` says that it is the whole body,
   * `fileSize` how long the body is that it begins. Throws after sending what fits when Content-Length
   * is exceeded (#68, #70).
   */
  send(block: Block, isWhole = false, fileSize?: number): void | Promise<void> {
    const length = typeof block === 'string' ? Buffer.byteLength(block) : block.length;
    if (length === 0) return;
    const head = this.headersSent ? undefined : this.#prepareHead(isWhole ? length : fileSize);
    if (this.#bodiless) return head && this.#sink.start(head.status, head.headers, undefined, true);
    const room = this.#length - this.#sent;
    if (length <= room) {
      this.#sent += length;
      return head ? this.#sink.start(head.status, head.headers, block, length === room) : this.#sink.write(block);
    }
    this.#sent += room;
    const fitting = room > 0 ? toBytes(block).subarray(0, room) : undefined;
    const sent = head ? this.#sink.start(head.status, head.headers, fitting, true) : fitting && this.#sink.write(fitting);
    const refuse = () => {
      throw new ApplicationError('body-too-long', `The body is longer than its Content-Length of ${this.#length}; the rest is dropped`);
    };
    return sent ? sent.then(refuse) : refuse();
  }

  /** Sends an open file from where it stands up to its end or to Content-Length. The head must have left. */
  sendFile(descriptor: number, sendFile: NonNullable<Sink['sendFile']>): void | Promise<void> {
    const count = sendFile.call(this.#sink, descriptor, this.room);
    const add = (bytes: number) => {
      this.#sent += bytes;
    };
    return typeof count === 'number' ? add(count) : count.then(add);
  }

  /** Sends the head if no block did (PEP 3333 #65). Throws when the body is shorter than its Content-Length (#71). */
  finish(): void | Promise<void> {
    const head = this.headersSent ? undefined : this.#prepareHead(0);
    this.#over = true;
    const sent = head && this.#sink.start(head.status, head.headers, undefined, this.satisfied);
    return sent ? sent.then(() => this.#checkLength()) : this.#checkLength();
  }

  /** Nothing more may be sent. */
  abandon(): void {
    this.#over = true;
  }

  /** Answers a failure before the head has left: a bare status, whatever the application had set. */
  answer(statusCode: StatusHint): void | Promise<void> {
    this.#over = true;
    this.headersSent = true;
    const status = BARE_STATUS[statusCode];
    const page = `${status}\n`;
    const headers: Header[] = [
      ['Content-Type', 'text/plain'],
      ['Content-Length', String(page.length)],
    ];
    return this.#sink.start(status, headers, this.#isHead ? undefined : page, true);
  }

  #prepareHead(bodyLength: number | undefined): Head {
    if (this.#head === undefined) {
      // PEP 3333 #57; a block that is iterated is one that is written.
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
    const statusCode = head.status.slice(0, 3);
    this.#bodiless = this.#isHead || statusCode === '204' || statusCode === '205' || statusCode === '304';
    if (statusCode === '204' || statusCode === '205') {
      const at = headers.findIndex(isContentLength);
      if (at >= 0) headers.splice(at, 1); // RFC 9110 §8.6
      if (statusCode === '205') headers.push(['Content-Length', '0']); // RFC 9110 §15.3.6
    } else if (head.length === Infinity && bodyLength !== undefined && statusCode !== '304' && !(this.#isHead && bodyLength === 0)) {
      // To a HEAD, no body says nothing about the length that GET would have.
      headers.push(['Content-Length', String(bodyLength)]);
      this.#length = bodyLength;
    }
    return head;
  }

  #checkLength(): void {
    if (this.#bodiless || this.#length === Infinity || this.#sent >= this.#length) return;
    throw new ApplicationError('body-too-short', `The body ended after ${this.#sent} of ${this.#length} bytes of its Content-Length`);
  }
}

/** Returns `block`, or throws an `ApplicationError` when it is neither bytes nor text. PEP 3333 #67 */
export function checkBlock(block: unknown): Block {
  if (typeof block === 'string' || block instanceof Uint8Array) return block;
  throw new ApplicationError('block-not-bytes', `A block must be a Uint8Array or a string, got ${show(block)}`);
}

function toBytes(block: Block): Uint8Array {
  return typeof block === 'string' ? Buffer.from(block) : block;
}

function isContentLength(header: Header): boolean {
  return header[0].length === 14 && header[0].toLowerCase() === 'content-length';
}

function contentLength(headers: readonly Header[]): number {
  const header = headers.find(isContentLength);
  return header === undefined ? Infinity : Number(header[1]);
}
