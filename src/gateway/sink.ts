// Sink: the destination of a response, and the seam between the exchange, which knows the contract, and a gateway, which knows
// the wire. Its counterpart for the request body is source.ts.

import type { Block, Header } from '../types.ts';

/** The exchange calls these methods in order and one at a time. It awaits a promise before it makes the next call. */
export interface Sink {
  /**
   * Sends the head and the first block in one piece. Without a block the head leaves alone, and at once. `isComplete` is true
   * when only `end` will follow. Throws the `RequestError` "client-gone" if the client has left.
   */
  start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void>;
  /** Sends all of `block`, which is never empty. Throws as `start` does. */
  write(block: Block): void | Promise<void>;
  /** Sends up to `length` bytes of an open file, from where it stands, in the fastest way there is. Returns how many. */
  sendFile?(descriptor: number, length: number): number | Promise<number>;
  /** Ends the response. `isComplete` is false when bytes are missing. Comes before the `close()` of the application's body. */
  end(isComplete: boolean): void | Promise<void>;
}
