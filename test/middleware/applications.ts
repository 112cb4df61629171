// Applications to wrap, and a body that tells how it was used.

import type { Application, ApplicationFunction, Block, Body, Header } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';

/** Both sides of a middleware under the validator. */
export function checked(wrap: (inner: Application) => Application): (inner: Application) => Application {
  return (inner) => validator(wrap(validator(inner)));
}

/** An application that answers 200 with `body`, text unless `headers` say otherwise. */
export function answering(
  body: Body | (() => Body),
  headers: Header[] = [['Content-Type', 'text/plain']],
  status = '200 OK',
): ApplicationFunction {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return typeof body === 'function' ? body() : body;
  };
}

export interface Watched {
  body: Body;
  /** What happened, in order: each block as it was asked for, "left", "closed". */
  seen: string[];
}

/** A body of these blocks, synchronous or not; an Error is thrown in its turn. */
export function watched(blocks: (Block | Error)[], isAsync = false): Watched {
  const seen: string[] = [];
  function* each() {
    try {
      for (const block of blocks) {
        if (block instanceof Error) throw block;
        seen.push(String(block));
        yield block;
      }
    } finally {
      seen.push('left');
    }
  }
  const close = () => seen.push('closed');
  const body = isAsync
    ? {
        async *[Symbol.asyncIterator]() {
          yield* each();
        },
        close: async () => close(),
      }
    : { [Symbol.iterator]: each, close };
  return { body, seen };
}
