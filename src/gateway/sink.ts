// Where a response goes: the seam between the heart, which knows the contract, and a gateway, which
// knows the wire. Calls come in order and one at a time; a promise is waited for before the next.

import type { Block, Header } from '../types.ts';

export interface Sink {
  /**
   * Sends the head and the first block in one piece. Without a block the head leaves alone, and at once.
   * `isComplete` says that nothing but `end` will follow. Throws `RequestError` "client-gone" when
   * nobody is there to take it.
   */
  start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void>;
  /** Hands a block over completely, or throws as `start` does. Blocks are never empty. */
  write(block: Block): void | Promise<void>;
  /** Sends up to `length` bytes of an open file from where it stands, in the fastest way there is, and returns their count. */
  sendFile?(descriptor: number, length: number): number | Promise<number>;
  /** The last byte has been handed over; `complete` is false when some are missing. Comes before the result's `close()`. */
  end(complete: boolean): void | Promise<void>;
}
