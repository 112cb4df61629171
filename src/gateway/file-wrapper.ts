// wsgi.file_wrapper: marks a file as the response body, so that a gateway can send it faster than
// block by block. It transmits nothing itself (PEP 3333 #80), and is an ordinary body to everyone else.

import { ApplicationError } from '../errors.ts';
import { fs } from '../fs.ts';
import { show } from '../show.ts';
import type { Block, DescriptorHolder, FileLike, ReadableFile } from '../types.ts';

/**
 * An iterable over a file's blocks, from where the file stands to its end. `file` is an open
 * descriptor, an object with an `fd` (a FileHandle, an opened ReadStream), or one with `read(size)`;
 * `blockSize` is in bytes, 64 KiB unless told. `close()` closes the file. Throws an
 * `ApplicationError` for anything else. PEP 3333 "Optional Platform-Specific File Handling".
 */
export class FileWrapper implements Iterable<Block> {
  /** The file's descriptor, where it has one. */
  readonly descriptor: number | undefined;
  #file: FileLike;
  #blockSize: number;

  constructor(file: FileLike, blockSize = 65_536) {
    this.descriptor = typeof file === 'number' ? file : hasDescriptor(file) ? file.fd : undefined;
    if (this.descriptor === undefined && !isReadable(file)) {
      throw new ApplicationError(
        'file-not-readable',
        `A file must be an open descriptor, have one as fd, or have read(size), got ${show(file)}; a stream can be the body itself`,
      );
    }
    this.#file = file;
    this.#blockSize = blockSize;
  }

  *[Symbol.iterator](): Generator<Block> {
    for (;;) {
      const block = this.read(this.#blockSize);
      if (block.length === 0) return;
      yield block;
    }
  }

  /** The next block of at most `size` bytes; empty at the end. */
  read(size: number): Block {
    if (this.descriptor !== undefined) {
      const buffer = Buffer.allocUnsafe(size);
      return buffer.subarray(0, fs.readSync(this.descriptor, buffer, 0, size, null));
    }
    return (isReadable(this.#file) && this.#file.read(size)) || '';
  }

  /** How many bytes are left in a regular file; undefined where that cannot be known. PEP 3333 #85. */
  remaining(): number | undefined {
    if (this.descriptor === undefined) return undefined;
    try {
      const stat = fs.fstatSync(this.descriptor);
      // Files of /proc say 0 whatever they hold.
      if (!stat.isFile() || stat.size === 0) return undefined;
      // Node cannot ask where a descriptor stands; Linux tells.
      const [, position] = fs.readFileSync(`/proc/self/fdinfo/${this.descriptor}`, 'latin1').split(/\s+/);
      return Math.max(0, stat.size - Number(position));
    } catch {
      return undefined;
    }
  }

  /** Closes the file, if it can be closed. PEP 3333 #81. */
  close(): unknown {
    if (typeof this.#file === 'number') return fs.closeSync(this.#file);
    return this.#file.close?.();
  }
}

function hasDescriptor(file: unknown): file is DescriptorHolder {
  return typeof file === 'object' && file !== null && 'fd' in file && typeof file.fd === 'number';
}

function isReadable(file: unknown): file is ReadableFile {
  return typeof file === 'object' && file !== null && 'read' in file && typeof file.read === 'function';
}
