// A request body kept for later: in memory up to 1 MiB, then in a temporary file that is already unlinked. A gateway spools
// what the application has not read yet, when the server hands over the whole body before it reads the response.

import { codeOf } from '../error-code.ts';
import { RequestError } from '../errors.ts';
import { fs } from '../fs.ts';
import type { Source } from './source.ts';

/** How many bytes stay in memory. */
const MEMORY_LIMIT = 1024 * 1024;
/** Bytes of a block in memory, and of one read. Small pieces are joined to blocks: a Buffer for each would take far more than its bytes. */
const BLOCK_SIZE = 65_536;

/**
 * Reads `source` to its end, or up to `length` bytes, and returns a spool of them. Never throws: an error of `source` waits behind
 * the bytes that came before it.
 */
export function spoolSource(source: Source, length: number): Spool {
  const spool = new Spool();
  const buffer = Buffer.allocUnsafe(BLOCK_SIZE);
  while (spool.length < length) {
    let count: number;
    try {
      count = source.read(buffer.subarray(0, Math.min(length - spool.length, buffer.length)));
    } catch (error) {
      spool.fail(error);
      break;
    }
    if (count === 0) break;
    spool.add(buffer.subarray(0, count));
  }
  return spool;
}

/** A source that gives back the bytes that were added to it. */
export class Spool implements Source {
  /** How many bytes have been added. */
  length = 0;
  #blocks: Buffer[] = [];
  /** How many bytes at the end of the last block are still free. */
  #free = 0;
  /** How many bytes have been added to blocks. */
  #inMemory = 0;
  #file: number | undefined;
  /** How many bytes have been written to the file. */
  #inFile = 0;
  /** How many bytes have been read from the file. */
  #position = 0;
  /** What `read` throws behind the last byte. */
  #failure: { error: unknown } | undefined;

  /** Takes the next bytes out of the spool. Throws a `RequestError` where bytes could not be kept. */
  read(buffer: Uint8Array): number {
    const block = this.#blocks[0];
    if (block !== undefined) {
      const filled = block.length - (this.#blocks.length === 1 ? this.#free : 0);
      const count = Math.min(filled, buffer.length);
      buffer.set(block.subarray(0, count));
      if (count < filled) {
        this.#blocks[0] = block.subarray(count);
      } else {
        this.#blocks.shift();
        if (this.#blocks.length === 0) this.#free = 0;
      }
      return count;
    }
    if (this.#file !== undefined && this.#position < this.#inFile) {
      const count = this.#readFile(this.#file, buffer);
      this.#position += count;
      return count;
    }
    if (this.#failure) throw this.#failure.error;
    return 0;
  }

  #readFile(file: number, buffer: Uint8Array): number {
    try {
      return fs.readSync(file, buffer, 0, Math.min(buffer.length, this.#inFile - this.#position), this.#position);
    } catch (error) {
      throw bodyLost(error);
    }
  }

  /** Makes `read` throw `error` when it has returned all bytes that were added. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Frees the memory and the temporary file. */
  close(): void {
    if (this.#file !== undefined) fs.closeSync(this.#file);
    this.#file = undefined;
    this.#blocks = [];
    this.#free = 0;
  }

  /** Keeps a copy of `bytes`. Never throws: if the disk is full, `read` throws when it gets there. */
  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    if (this.#failure) return;
    // After the first byte in the file all others go there, which keeps them in order.
    if (this.#file === undefined && this.#inMemory + bytes.length <= MEMORY_LIMIT) {
      this.#addToMemory(bytes);
      return;
    }
    try {
      this.#file ??= openUnlinked();
      for (let done = 0; done < bytes.length; ) {
        done += fs.writeSync(this.#file, bytes, done, bytes.length - done, this.#inFile + done);
      }
      this.#inFile += bytes.length;
    } catch (error) {
      // The server must still be able to hand over the rest. Only the application must not read on.
      this.fail(bodyLost(error));
    }
  }

  #addToMemory(bytes: Uint8Array): void {
    const last = this.#blocks.at(-1);
    const fitting = bytes.subarray(0, this.#free);
    last?.set(fitting, last.length - this.#free);
    const rest = bytes.subarray(fitting.length);
    if (rest.length > 0) {
      // The first block is no longer than its bytes: most bodies come in one piece.
      const block = Buffer.allocUnsafe(Math.max(rest.length, Math.min(this.#inMemory, BLOCK_SIZE)));
      block.set(rest);
      this.#blocks.push(block);
      this.#free = block.length - rest.length;
    } else {
      this.#free -= fitting.length;
    }
    this.#inMemory += bytes.length;
  }
}

function bodyLost(cause: unknown): RequestError {
  return new RequestError('body-lost', `The request body could not be kept in ${spoolFolder()}: ${codeOf(cause)}`, 507, { cause });
}

function spoolFolder(): string {
  return process.env.TMPDIR || '/tmp';
}

function openUnlinked(): number {
  const path = `${spoolFolder()}/run-with-cgi-${process.pid}-${process.hrtime.bigint()}`;
  const file = fs.openSync(path, 'wx+', 0o600);
  try {
    fs.unlinkSync(path);
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
  return file;
}
