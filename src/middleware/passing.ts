// A body on its way through a middleware: PEP 3333 #90. It stays synchronous if it was, block stays block,
// and close() reaches the body inside.

import type { Block, Body, Closable } from '../types.ts';

/** A body that is iterated over, in contrast to one that is there at once. */
export type Blocks = (Iterable<Block> | AsyncIterable<Block>) & Closable;

export function isBlocks(body: Body): body is Blocks {
  return typeof body === 'object' && body !== null && !(body instanceof Uint8Array);
}

/** Returns `body` with `recover` in the place of an error of its: what that returns is the last block. */
export function recovering(body: Blocks, recover: (error: unknown) => Block): Blocks {
  if (Symbol.asyncIterator in body) {
    return closing(
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
  return closing(
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

/** Returns `blocks` as a body that closes `inner`, and calls `release` before that. */
export function closing(inner: Body, blocks: Iterable<Block> | AsyncIterable<Block>, release = () => {}): Blocks {
  const close = () => {
    release();
    return isBlocks(inner) ? inner.close?.() : undefined;
  };
  return Symbol.asyncIterator in blocks
    ? { [Symbol.asyncIterator]: () => blocks[Symbol.asyncIterator](), close }
    : { [Symbol.iterator]: () => blocks[Symbol.iterator](), close };
}
