// wsgi.input: the request body as PEP 3333 wants it read, cut off at CONTENT_LENGTH whatever the
// descriptor or connection behind it does (PEP 3333 #24 to #30, RFC 3875 #8).

import { ApplicationError, RequestError } from '../errors.ts';
import type { InputStream } from '../types.ts';
import type { Source } from './source.ts';
import { Spool, spoolSource } from './spool.ts';

const CHUNK = 65_536;
/** A client can announce any length; memory is taken only as bytes arrive. */
const AT_ONCE = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class Input implements InputStream {
  #source: Source;
  /** Bytes still to come from the source; Infinity when only the source knows. */
  #left: number;
  #length: number;
  #limit: number;
  #received = 0;
  /** Bytes taken from the source that nobody has read yet. */
  #ahead: Buffer = NOTHING;
  #reading: Promise<void> | undefined;
  /** Memory for the next reads. It serves for many small ones: whoever keeps what a read gives keeps its memory, too. */
  #free: Buffer = NOTHING;

  /** `length` in bytes, Infinity for "to the source's end"; more than `limit` bytes throw a `RequestError`. */
  constructor(source: Source, length: number, limit = Infinity) {
    this.#source = source;
    this.#left = length;
    this.#length = length;
    this.#limit = limit;
  }

  /** Whether the whole body has been taken from the source. */
  get received(): boolean {
    return this.#left === 0;
  }

  /** While an asynchronous read is under way: resolves when it is over, however it ends. */
  get reading(): Promise<void> | undefined {
    return this.#reading;
  }

  read(size?: number): Buffer {
    const wanted = size === undefined || size < 0 ? Infinity : size;
    const blocks: Buffer[] = [];
    let count = 0;
    let block: Buffer;
    do {
      block = this.#fill(Math.min(wanted - count, AT_ONCE));
      blocks.push(block);
      count += block.length;
    } while (count < wanted && block.length === AT_ONCE);
    return join(blocks, count);
  }

  readline(size?: number): Buffer {
    const wanted = size === undefined || size < 0 ? Infinity : size;
    const pieces: Buffer[] = [];
    let count = 0;
    while (count < wanted) {
      if (this.#ahead.length === 0) this.#ahead = this.#take();
      if (this.#ahead.length === 0) break;
      const fitting = this.#ahead.subarray(0, wanted - count);
      const newline = fitting.indexOf(10);
      const piece = this.#takeAhead(newline < 0 ? fitting.length : newline + 1);
      pieces.push(piece);
      count += piece.length;
      if (piece.at(-1) === 10) break;
    }
    return join(pieces, count);
  }

  readlines(hint?: number): Buffer[] {
    const wanted = hint === undefined || hint <= 0 ? Infinity : hint;
    const lines: Buffer[] = [];
    for (let count = 0; count < wanted; ) {
      const line = this.readline();
      if (line.length === 0) break;
      lines.push(line);
      count += line.length;
    }
    return lines;
  }

  *[Symbol.iterator](): Generator<Buffer, void> {
    for (let line = this.readline(); line.length > 0; line = this.readline()) yield line;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    for (;;) {
      const chunk = this.#ahead.length > 0 ? this.#takeAhead(CHUNK) : await this.#takeAsync();
      if (chunk.length === 0) return;
      yield chunk;
    }
  }

  /** Takes what is left from the source now, for the application to read later. */
  spool(): void {
    if (this.#left === 0 || this.#reading || this.#source instanceof Spool) return;
    this.#source = spoolSource(this.#source, Math.min(this.#left, this.#limit - this.#received + 1));
  }

  /** Takes up to `bound` bytes of what is left from the source, and forgets them. */
  discard(bound: number): void {
    if (this.#reading || this.#source instanceof Spool) return;
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let left = Math.min(this.#left, bound); left > 0; ) {
      const count = this.#source.read(buffer.subarray(0, Math.min(left, CHUNK)));
      if (count === 0) return;
      left -= count;
    }
  }

  #takeAhead(size: number): Buffer {
    const block = this.#ahead.subarray(0, size);
    this.#ahead = this.#ahead.subarray(block.length);
    return block;
  }

  /** Exactly `size` bytes, or what is left of the body. */
  #fill(size: number): Buffer {
    const buffer = Buffer.allocUnsafe(Math.min(size, this.#ahead.length + this.#left));
    let count = this.#ahead.length > 0 ? this.#takeAhead(size).copy(buffer) : 0;
    while (count < buffer.length) {
      const more = this.#readInto(count === 0 ? buffer : buffer.subarray(count));
      if (more === 0) break;
      count += more;
    }
    return count === buffer.length ? buffer : buffer.subarray(0, count);
  }

  /** What one read from the source gives. */
  #take(): Buffer {
    return this.#use(this.#readInto(this.#room()));
  }

  #room(): Buffer {
    const size = Math.min(CHUNK, this.#left);
    if (this.#free.length < Math.min(CHUNK / 2, size)) this.#free = Buffer.allocUnsafe(size);
    return this.#free.subarray(0, size);
  }

  #use(count: number): Buffer {
    const used = this.#free.subarray(0, count);
    this.#free = this.#free.subarray(count);
    return used;
  }

  #readInto(buffer: Buffer): number {
    this.#refuseWhileReading();
    return this.#left === 0 ? 0 : this.#account(this.#source.read(buffer));
  }

  async #takeAsync(): Promise<Buffer> {
    this.#refuseWhileReading();
    if (!this.#source.readAsync || this.#left === 0) return this.#take();
    const buffer = this.#room();
    let over!: () => void;
    this.#reading = new Promise((resolve) => {
      over = resolve;
    });
    try {
      return this.#use(this.#account(await this.#source.readAsync(buffer)));
    } finally {
      this.#reading = undefined;
      over();
    }
  }

  #refuseWhileReading(): void {
    if (!this.#reading) return;
    throw new ApplicationError('input-busy', 'wsgi.input cannot be read while an asynchronous read is under way; await it first');
  }

  #account(count: number): number {
    if (count === 0 && this.#left !== Infinity) {
      throw new RequestError(
        'body-ended-early',
        `The request body ended after ${this.#received} of ${this.#length} bytes; the client has probably left`,
        400,
      );
    }
    this.#received += count;
    this.#left = count === 0 ? 0 : this.#left - count;
    if (this.#received > this.#limit) {
      throw new RequestError('body-too-large', `The request body is longer than maxBodySize, ${this.#limit} bytes`, 413);
    }
    return count;
  }
}

function join(blocks: Buffer[], length: number): Buffer {
  const [first] = blocks;
  return blocks.length === 1 && first !== undefined ? first : Buffer.concat(blocks, length);
}
