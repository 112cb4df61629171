// The request body's way into a CGI script: descriptor 0, or what a test gives in its place.

import type { Source } from '../gateway/source.ts';
import { openReady, readDescriptor, readDescriptorAsync, readReady, target } from './descriptor.ts';

/** A descriptor, the bytes themselves, or anything with `read(size)`, which gives nothing at its end. */
export type Stdin = number | Uint8Array | string | { read(size: number): Uint8Array | string | null | undefined };

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

/** Reads in a row that do not wait, before other things get their turn. */
const STRAIGHT = 16;

/**
 * Reads from a pipe without blocking. To wait for more is the thread pool's work, which costs as much as all the rest; what
 * a server has put there meanwhile is taken at once.
 */
function asyncReader(descriptor: number): (buffer: Uint8Array) => number | Promise<number> {
  let ready: number | undefined;
  let reads = 0;
  let straight = 0;
  return (buffer) => {
    // Not for a body that one read brings.
    if (++reads === 2) ready = openReady(descriptor);
    if (ready !== undefined && straight < STRAIGHT) {
      const count = readReady(ready, buffer);
      straight++;
      if (count > 0) return count;
    }
    straight = 0;
    return readDescriptorAsync(descriptor, buffer);
  };
}

/** Whether a server at the other end of `stdin` may still be handing over the body: not when it is a file already. */
export function isStream(stdin: Stdin): boolean {
  return typeof stdin === 'number' && /^(?:pipe|socket):/.test(target(stdin));
}
