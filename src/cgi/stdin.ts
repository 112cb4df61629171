// The request body of a CGI script: descriptor 0, or what a test gives in its place.

import type { Source } from '../gateway/source.ts';
import { openNonBlocking, readAvailable, readDescriptor, readDescriptorAsync, target } from './descriptor.ts';

/** A descriptor, the bytes themselves, or an object with `read(size)`, which returns nothing at the end. */
export type Stdin = number | Uint8Array | string | { read(size: number): Uint8Array | string | null | undefined };

/** Returns `stdin` as the source of `wsgi.input`. */
export function toSource(stdin: Stdin): Source {
  if (typeof stdin === 'number') {
    return { read: (buffer) => readDescriptor(stdin, buffer), readAsync: asyncReader(stdin) };
  }
  const isWhole = typeof stdin === 'string' || stdin instanceof Uint8Array;
  let rest = isWhole ? Buffer.from(stdin) : Buffer.alloc(0);
  return {
    read(buffer) {
      if (rest.length === 0 && !isWhole) rest = Buffer.from(stdin.read(buffer.length) ?? '');
      const count = rest.copy(buffer);
      rest = rest.subarray(count);
      return count;
    },
  };
}

/** How many reads in a row may find bytes without the event loop getting a turn. */
const MAX_IN_A_ROW = 16;

/**
 * Returns a function that reads from a pipe without blocking the event loop. Bytes that the server has written already are read
 * at once. Only a wait for more goes through the thread pool, which costs as much as all the rest of a request.
 */
function asyncReader(descriptor: number): (buffer: Uint8Array) => number | Promise<number> {
  let nonBlocking: number | undefined;
  let reads = 0;
  let inARow = 0;
  return (buffer) => {
    // Opened with the second read, because most bodies need only one.
    if (++reads === 2) nonBlocking = openNonBlocking(descriptor);
    if (nonBlocking !== undefined && inARow < MAX_IN_A_ROW) {
      const count = readAvailable(nonBlocking, buffer);
      inARow++;
      if (count > 0) return count;
    }
    inARow = 0;
    return readDescriptorAsync(descriptor, buffer);
  };
}

/**
 * Whether a server may still be writing the body into `stdin`, as it may into a pipe or a socket, and into what the system does
 * not show. A file is complete.
 */
export function isPipeOrSocket(stdin: Stdin): boolean {
  return typeof stdin === 'number' && /^(?:pipe:|socket:|$)/.test(target(stdin));
}
