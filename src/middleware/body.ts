// Response bodies that a middleware passes on: PEP 3333 #90. A synchronous body stays synchronous, each block stays one block, and
// close() reaches the body of the inner application.

import type { Block, Body, Closable } from '../types.ts';

/** A body that the gateway iterates over, other than a single block. */
export type Blocks = (Iterable<Block> | AsyncIterable<Block>) & Closable;

/** Whether `body` has to be iterated over. */
export function isBlocks(body: Body): body is Blocks {
  return typeof body === 'object' && body !== null && !(body instanceof Uint8Array);
}

/** Returns `body` with a last block in place of the error that it throws: the one that `recover` returns. */
export function withRecovery(body: Blocks, recover: (error: unknown) => Block): Blocks {
  if (Symbol.asyncIterator in body) {
    return withClose(
      body,
      (async function* () {
        try {
          yield* body;
        } catch (error) {
          yield recover(error);
        }
      })(),
    );
  }
  return withClose(
    body,
    (function* () {
      try {
        yield* body;
      } catch (error) {
        yield recover(error);
      }
    })(),
  );
}

/** Returns `blocks` as a body whose `close()` calls `release`, then closes `inner`. */
export function withClose(inner: Body, blocks: Iterable<Block> | AsyncIterable<Block>, release = () => {}): Blocks {
  const close = () => {
    release();
    return isBlocks(inner) ? inner.close?.() : undefined;
  };
  return Symbol.asyncIterator in blocks
    ? { [Symbol.asyncIterator]: () => blocks[Symbol.asyncIterator](), close }
    : { [Symbol.iterator]: () => blocks[Symbol.iterator](), close };
}
