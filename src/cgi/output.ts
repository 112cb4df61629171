// The sink of a CGI script: writes the head and the blocks of the response to a descriptor, each at once and in one piece. It
// never waits for a server that in turn waits for the script to read the request body.

import { fs } from '../fs.ts';
import { toBytes } from '../gateway/block.ts';
import type { Input } from '../gateway/input.ts';
import type { Sink } from '../gateway/sink.ts';
import type { Block, Header } from '../types.ts';
import type { RenderHead } from './head.ts';

/** Bytes that surely fit into a pipe that nobody reads: one page. A user who has used up the memory for pipes gets no more. */
const PIPE_CAPACITY = 4_096;

/** How many bytes of the first block are written together with the head. */
const FIRST_PIECE = 32_768;

/** How many bytes of the request body are read and dropped, if the application has not read them, or may not. */
const MAX_DISCARDED = 64 * 1024 * 1024;

/** Milliseconds after which an asynchronous read counts as one of a body that the client has not sent. */
const READ_TIMEOUT = 100;

/** How many bytes of a file are read and written at once. */
const FILE_CHUNK = 256 * 1024;

/** What the sink of a CGI script needs from its gateway. */
export interface OutputOptions {
  /** Writes all of a block, or throws. */
  write(block: Block): void | Promise<void>;
  /** Whether `write` has done its work when it returns, as with a descriptor. Then a file can be sent through one buffer. */
  isSynchronous: boolean;
  renderHead: RenderHead;
  input: Input;
  /** Whether the server may send the whole request body before it reads a byte of the response: Apache, uwsgi, civetweb, fcgiwrap. */
  serverSendsBodyFirst: boolean;
}

/** The sink for one response. */
export class Output implements Sink {
  /** Sends a file through one buffer, which is used again for each piece. So it is there only where no write has to wait. */
  sendFile?: NonNullable<Sink['sendFile']>;
  /** Called before the first byte is written. */
  onStart = (): void => {};
  /** Called after the last byte. */
  onEnd = (): void | Promise<void> => {};
  #options: OutputOptions;
  /** How many bytes have been written while the server may still send the request body. */
  #written = 0;
  /** Whether the response has ended, perhaps by a timeout or a signal. A block that waited then is not written any more. */
  #ended = false;

  constructor(options: OutputOptions) {
    this.#options = options;
    if (options.isSynchronous) this.sendFile = this.#sendFile;
  }

  start(status: string, headers: readonly Header[], block: Block = ''): void | Promise<void> {
    this.onStart();
    const head = this.#options.renderHead(status, headers);
    // Head and block go in one piece, because busybox looks only at the first 8 bytes of its first read.
    if (typeof block === 'string' && block.length <= FIRST_PIECE && Buffer.byteLength(head) === head.length) {
      return this.write(head + block);
    }
    const bytes = toBytes(block);
    const rest = bytes.subarray(FIRST_PIECE);
    const begun = this.write(Buffer.concat([Buffer.from(head, 'latin1'), bytes.subarray(0, FIRST_PIECE)]));
    if (rest.length === 0) return begun;
    return begun ? begun.then(() => this.write(rest)) : this.write(rest);
  }

  write(block: Block): void | Promise<void> {
    const { input, serverSendsBodyFirst } = this.#options;
    if (serverSendsBodyFirst && !input.received) this.#written += Buffer.byteLength(block);
    return this.#writeCounted(block);
  }

  /** Writes a block that is counted, after it has spooled the rest of the body where the server might wait for that. */
  #writeCounted(block: Block): void | Promise<void> {
    if (this.#ended) return;
    const { input } = this.#options;
    if (this.#written > PIPE_CAPACITY && !input.received) {
      // The application is reading. The rest of the body can be spooled only when that read has ended.
      if (input.reading) return input.reading.then(() => this.#writeCounted(block));
      input.spool(MAX_DISCARDED);
    }
    return this.#options.write(block);
  }

  end(): void | Promise<void> {
    this.#ended = true;
    const { input, serverSendsBodyFirst } = this.#options;
    if (serverSendsBodyFirst && input.reading) {
      const timeout = new Promise((resolve) => setTimeout(resolve, READ_TIMEOUT));
      return Promise.race([input.reading, timeout]).then(() => {
        input.discard(MAX_DISCARDED);
        return this.onEnd();
      });
    }
    if (serverSendsBodyFirst) input.discard(MAX_DISCARDED);
    return this.onEnd();
  }

  #sendFile(descriptor: number, length: number): number | Promise<number> {
    const { input, serverSendsBodyFirst } = this.#options;
    if (serverSendsBodyFirst && input.reading) return input.reading.then(() => this.#sendFile(descriptor, length));
    const buffer = Buffer.allocUnsafe(Math.min(FILE_CHUNK, length));
    let sent = 0;
    while (sent < length && !this.#ended) {
      const count = fs.readSync(descriptor, buffer, 0, Math.min(buffer.length, length - sent), null);
      if (count === 0) break;
      this.write(buffer.subarray(0, count));
      sent += count;
    }
    return sent;
  }
}
