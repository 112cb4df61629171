// A request body kept for later: in memory first, then in a temporary file that is already unlinked.
// Gateways spool what the application has not read yet when the server would otherwise wait for us
// while we wait for it.

import { RequestError } from '../errors.ts';
import { fs } from '../fs.ts';
import type { Source } from './source.ts';

const IN_MEMORY = 1024 * 1024;
/** Pieces are joined to blocks, however small they come: what is kept of each piece would be far more than a byte. */
const BLOCK = 65_536;

/** Takes `source` to its end, but no more than `length` bytes. */
export function spoolSource(source: Source, length: number): Spool {
  const spool = new Spool();
  const buffer = Buffer.allocUnsafe(65_536);
  while (spool.length < length) {
    const count = source.read(buffer.subarray(0, Math.min(length - spool.length, buffer.length)));
    if (count === 0) break;
    spool.add(buffer.subarray(0, count));
  }
  return spool;
}

export class Spool implements Source {
  /** How many bytes were added. */
  length = 0;
  #blocks: Buffer[] = [];
  /** How many bytes of the last block are still empty. */
  #room = 0;
  #inMemory = 0;
  #file: number | undefined;
  #inFile = 0;
  #position = 0;
  #lost: RequestError | undefined;

  read(buffer: Uint8Array): number {
    const block = this.#blocks[0];
    if (block !== undefined) {
      const filled = block.length - (this.#blocks.length === 1 ? this.#room : 0);
      const count = Math.min(filled, buffer.length);
      buffer.set(block.subarray(0, count));
      if (count < filled) {
        this.#blocks[0] = block.subarray(count);
      } else {
        this.#blocks.shift();
        if (this.#blocks.length === 0) this.#room = 0;
      }
      return count;
    }
    if (this.#file !== undefined && this.#position < this.#inFile) {
      const count = fs.readSync(this.#file, buffer, 0, Math.min(buffer.length, this.#inFile - this.#position), this.#position);
      this.#position += count;
      return count;
    }
    if (this.#lost) throw this.#lost;
    return 0;
  }

  close(): void {
    if (this.#file !== undefined) fs.closeSync(this.#file);
    this.#file = undefined;
    this.#blocks = [];
    this.#room = 0;
  }

  /** Keeps a copy of `bytes`. Reading throws a `RequestError` from where there was no room. */
  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    if (this.#lost) return;
    // Once the file has begun, everything goes there: the order is that of the body.
    if (this.#file === undefined && this.#inMemory + bytes.length <= IN_MEMORY) {
      this.#keep(bytes);
      return;
    }
    try {
      this.#file ??= unlinkedFile();
      for (let done = 0; done < bytes.length; ) {
        done += fs.writeSync(this.#file, bytes, done, bytes.length - done, this.#inFile + done);
      }
      this.#inFile += bytes.length;
    } catch (error) {
      // A full disk must not stop the server from handing over the rest, only the application from reading on.
      this.#lost = new RequestError('body-lost', `The request body could not be kept in ${temporaryFolder()}`, 507, { cause: error });
    }
  }

  #keep(bytes: Uint8Array): void {
    const last = this.#blocks.at(-1);
    const fitting = bytes.subarray(0, this.#room);
    last?.set(fitting, last.length - this.#room);
    const rest = bytes.subarray(fitting.length);
    if (rest.length > 0) {
      // A body that comes in one piece, as most do, takes no more than its length.
      const block = Buffer.allocUnsafe(Math.max(rest.length, Math.min(this.#inMemory, BLOCK)));
      block.set(rest);
      this.#blocks.push(block);
      this.#room = block.length - rest.length;
    } else {
      this.#room -= fitting.length;
    }
    this.#inMemory += bytes.length;
  }
}

function temporaryFolder(): string {
  return process.env.TMPDIR || '/tmp';
}

function unlinkedFile(): number {
  const path = `${temporaryFolder()}/run-with-cgi-${process.pid}-${process.hrtime.bigint()}`;
  const file = fs.openSync(path, 'wx+', 0o600);
  fs.unlinkSync(path);
  return file;
}
