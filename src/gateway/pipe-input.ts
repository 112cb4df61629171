// Copies a request body into a stream of Node's, no faster than the stream takes it.

import type { Writable } from 'node:stream';
import type { InputStream } from '../types.ts';

/**
 * Writes all of `input` to `stream` and ends `stream`. Resolves early when the stream is destroyed, which is no error: its
 * reader need not read everything. Rejects when reading `input` fails.
 */
export async function pipeInput(input: InputStream, stream: Writable): Promise<void> {
  for await (const block of input) {
    if (stream.destroyed) return;
    if (!stream.write(block)) await drained(stream);
  }
  stream.end();
}

/** Resolves when `stream` takes more, or when it has closed and never will. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const stopWaiting = () => {
      stream.off('drain', stopWaiting).off('close', stopWaiting);
      resolve();
    };
    stream.on('drain', stopWaiting).on('close', stopWaiting);
  });
}
