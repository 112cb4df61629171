// The request body's way into a CGI script: descriptor 0, or what a test gives in its place.

import type { Source } from '../gateway/input.ts';
import { readDescriptor, readDescriptorAsync, target } from './descriptor.ts';

/** A descriptor, the bytes themselves, or anything with `read(size)`, which gives nothing at its end. */
export type Stdin = number | Uint8Array | string | { read(size: number): Uint8Array | string | null | undefined };

export function toSource(stdin: Stdin): Source {
  if (typeof stdin === 'number') {
    return {
      read: (buffer) => readDescriptor(stdin, buffer),
      readAsync: (buffer) => readDescriptorAsync(stdin, buffer),
    };
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

/** Whether a server at the other end of `stdin` may still be handing over the body: not when it is a file already. */
export function isStream(stdin: Stdin): boolean {
  return typeof stdin === 'number' && /^(?:pipe|socket):/.test(target(stdin));
}
