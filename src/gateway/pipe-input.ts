// A request body on its way into a stream of Node's, no faster than that takes it.

import type { Writable } from 'node:stream';
import type { InputStream } from '../types.ts';

/** Writes all of `input` to `stream` and ends it. A stream that is destroyed meanwhile is no error: its end need not read. */
export async function pipeInput(input: InputStream, stream: Writable): Promise<void> {
  for await (const block of input) {
    if (stream.destroyed) return;
    if (!stream.write(block)) await drained(stream);
  }
  stream.end();
}

/** Resolves when `stream` takes more, or when it never will. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });
}
