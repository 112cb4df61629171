// wsgi.input: the request body as an application reads it. It ends at CONTENT_LENGTH, whatever the descriptor or connection
// behind it does. PEP 3333 #24 to #30, RFC 3875 #8

import { bodyTooLarge } from '../environ/body-length.ts';
import { codeOf, isSystemError } from '../error-code.ts';
import { ApplicationError, RequestError } from '../errors.ts';
import type { InputStream } from '../types.ts';
import type { Source } from './source.ts';
import { Spool, spoolSource } from './spool.ts';

/** How many bytes are asked of the source when the application does not say how many it wants. */
const CHUNK_SIZE = 65_536;
/** How much memory is taken before bytes have arrived to fill it: a client can announce any length. */
const MAX_ALLOCATION = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** The request body that an application reads from a source. */
export class Input implements InputStream {
  #source: Source;
  /** How many bytes are still to come from the source; Infinity if only the source knows. */
  #left: number;
  #length: number;
  #limit: number;
  #received = 0;
  /** Bytes that have come from the source and that the application has not read yet. */
  #ahead: Buffer = EMPTY;
  #reading: Promise<void> | undefined;
  /**
   * Memory for the next reads. Several small reads share one allocation, because an application that keeps a few bytes of it
   * keeps all of it alive.
   */
  #free: Buffer = EMPTY;

  /**
   * `length` is that of the body in bytes; Infinity for a body that lasts until `source` ends. A read that goes beyond `limit`
   * bytes throws a `RequestError`.
   */
  constructor(source: Source, length: number, limit = Infinity) {
    this.#source = source;
    this.#left = length;
    this.#length = length;
    this.#limit = limit;
  }

  /** Whether the whole body has come from the source. */
  get received(): boolean {
    return this.#left === 0;
  }

  /** Resolves when the asynchronous read under way has ended, successfully or not; undefined if there is none. */
  get reading(): Promise<void> | undefined {
    return this.#reading;
  }

  read(size?: number): Buffer {
    const wanted = size === undefined || size < 0 ? Infinity : size;
    const blocks: Buffer[] = [];
    let count = 0;
    let block: Buffer;
    do {
      block = this.#readFully(Math.min(wanted - count, MAX_ALLOCATION));
      blocks.push(block);
      count += block.length;
    } while (count < wanted && block.length === MAX_ALLOCATION);
    return concat(blocks, count);
  }

  readline(size?: number): Buffer {
    const wanted = size === undefined || size < 0 ? Infinity : size;
    const pieces: Buffer[] = [];
    let count = 0;
    while (count < wanted) {
      if (this.#ahead.length === 0) this.#ahead = this.#readChunk();
      if (this.#ahead.length === 0) break;
      const fitting = this.#ahead.subarray(0, wanted - count);
      const newline = fitting.indexOf(10);
      const piece = this.#takeAhead(newline < 0 ? fitting.length : newline + 1);
      pieces.push(piece);
      count += piece.length;
      if (piece.at(-1) === 10) break;
    }
    return concat(pieces, count);
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
      const chunk = this.#ahead.length > 0 ? this.#takeAhead(CHUNK_SIZE) : await this.#readChunkAsync();
      if (chunk.length === 0) return;
      yield chunk;
    }
  }

  /**
   * Reads the rest of the body from the source now, and keeps it for the application to read later. Of a body that is too large
   * it drops up to `limit` bytes behind those that show this.
   */
  spool(limit = 0): void {
    if (this.#left === 0 || this.#reading || this.#source instanceof Spool) return;
    const source = this.#source;
    const kept = Math.min(this.#left, this.#limit - this.#received + 1);
    this.#source = spoolSource(source, kept);
    if (kept < this.#left) drop(source, Math.min(this.#left - kept, limit));
  }

  /** Reads up to `limit` bytes of the rest of the body from the source, and drops them. */
  discard(limit: number): void {
    if (this.#reading || this.#source instanceof Spool) return;
    drop(this.#source, Math.min(this.#left, limit));
  }

  /** Returns up to `size` bytes of those that have come already. */
  #takeAhead(size: number): Buffer {
    const block = this.#ahead.subarray(0, size);
    this.#ahead = this.#ahead.subarray(block.length);
    return block;
  }

  /** Returns exactly `size` bytes, or what is left of the body if that is less. */
  #readFully(size: number): Buffer {
    const buffer = Buffer.allocUnsafe(Math.min(size, this.#ahead.length + this.#left));
    let count = this.#ahead.length > 0 ? this.#takeAhead(size).copy(buffer) : 0;
    while (count < buffer.length) {
      const more = this.#readInto(count === 0 ? buffer : buffer.subarray(count));
      if (more === 0) break;
      count += more;
    }
    return count === buffer.length ? buffer : buffer.subarray(0, count);
  }

  /** Returns what one read from the source gives. */
  #readChunk(): Buffer {
    return this.#claim(this.#readInto(this.#reserve()));
  }

  /** Returns free memory for one read. */
  #reserve(): Buffer {
    const size = Math.min(CHUNK_SIZE, this.#left);
    if (this.#free.length < Math.min(CHUNK_SIZE / 2, size)) this.#free = Buffer.allocUnsafe(size);
    return this.#free.subarray(0, size);
  }

  /** Returns the first `count` bytes of the free memory, which a read has filled. They are free no longer. */
  #claim(count: number): Buffer {
    const used = this.#free.subarray(0, count);
    this.#free = this.#free.subarray(count);
    return used;
  }

  #readInto(buffer: Buffer): number {
    this.#refuseWhileReading();
    if (this.#left === 0) return 0;
    let count: number;
    try {
      count = this.#source.read(buffer);
    } catch (error) {
      throw isSystemError(error) ? this.#endedEarly(error) : error;
    }
    return this.#countReceived(count);
  }

  async #readChunkAsync(): Promise<Buffer> {
    this.#refuseWhileReading();
    if (!this.#source.readAsync || this.#left === 0) return this.#readChunk();
    const buffer = this.#reserve();
    let endReading!: () => void;
    this.#reading = new Promise((resolve) => {
      endReading = resolve;
    });
    try {
      return this.#claim(this.#countReceived(await this.#source.readAsync(buffer)));
    } catch (error) {
      throw isSystemError(error) ? this.#endedEarly(error) : error;
    } finally {
      this.#reading = undefined;
      endReading();
    }
  }

  #refuseWhileReading(): void {
    if (!this.#reading) return;
    throw new ApplicationError('input-busy', 'wsgi.input cannot be read while an asynchronous read is under way; await it first');
  }

  /** Counts `count` bytes that a read has given. Throws if the body has ended early, or is too large. */
  #countReceived(count: number): number {
    if (count === 0 && this.#left !== Infinity) throw this.#endedEarly();
    this.#received += count;
    this.#left = count === 0 ? 0 : this.#left - count;
    if (this.#received > this.#limit) throw bodyTooLarge(this.#limit);
    return count;
  }

  /** Returns the error for a body that ends here. `cause` is that of a read that has failed. */
  #endedEarly(cause?: unknown): RequestError {
    const length = this.#length === Infinity ? '' : ` of ${this.#length}`;
    const reason = cause === undefined ? 'the client has probably left' : `the next read failed: ${codeOf(cause)}`;
    const message = `The request body ended after ${this.#received}${length} bytes; ${reason}`;
    return new RequestError('body-ended-early', message, 400, cause === undefined ? undefined : { cause });
  }
}

function concat(blocks: Buffer[], length: number): Buffer {
  const [first] = blocks;
  return blocks.length === 1 && first !== undefined ? first : Buffer.concat(blocks, length);
}

/** Reads `size` bytes of the source, or all if there are fewer, and drops them. */
function drop(source: Source, size: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(size, CHUNK_SIZE));
  for (let left = size; left > 0; ) {
    let count = 0;
    try {
      count = source.read(buffer.subarray(0, Math.min(left, CHUNK_SIZE)));
    } catch {
      // Nobody wants these bytes.
    }
    if (count === 0) return;
    left -= count;
  }
}
