// wsgi.file_wrapper: marks a file as the response body. A gateway that knows it sends the file faster than block by block; to
// a middleware it is a body like any other. It transmits nothing itself (PEP 3333 #80).

import { ApplicationError } from '../errors.ts';
import { fs } from '../fs.ts';
import { show } from '../show.ts';
import type { Block, DescriptorHolder, FileLike, ReadableFile } from '../types.ts';

/**
 * An iterable over the blocks of a file, from where the file stands to its end. `file` is an open descriptor, an object with
 * an `fd` (a FileHandle, an opened ReadStream), or an object with `read(size)`. `blockSize` is in bytes; default: 65,536.
 * `close()` closes the file. The constructor throws an `ApplicationError` for any other `file`.
 * PEP 3333 "Optional Platform-Specific File Handling"
 */
export class FileWrapper implements Iterable<Block> {
  /** The descriptor of the file; undefined if it has none. */
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

  /** Returns the next block, of at most `size` bytes. Returns an empty one at the end of the file. */
  read(size: number): Block {
    if (this.descriptor !== undefined) {
      const buffer = Buffer.allocUnsafe(size);
      return buffer.subarray(0, fs.readSync(this.descriptor, buffer, 0, size, null));
    }
    return (isReadable(this.#file) && this.#file.read(size)) || '';
  }

  /** Returns how many bytes of a regular file are left; undefined if that cannot be known. PEP 3333 #85 */
  remaining(): number | undefined {
    if (this.descriptor === undefined) return undefined;
    try {
      const stat = fs.fstatSync(this.descriptor);
      // Files of /proc have the size 0, whatever they hold.
      if (!stat.isFile() || stat.size === 0) return undefined;
      // Node has no lseek(), but Linux shows the position of a descriptor.
      const position = /^pos:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${this.descriptor}`, 'latin1'))?.[1];
      return position === undefined ? undefined : Math.max(0, stat.size - Number(position));
    } catch {
      return undefined;
    }
  }

  /** Closes the file, if it is a descriptor or has `close()`. Returns what that returns. PEP 3333 #81 */
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
