// A block of a response body: bytes, or text that is sent as UTF-8.

import { ApplicationError } from '../errors.ts';
import { show } from '../show.ts';
import type { Block } from '../types.ts';

/** To copy so many bytes behind a head costs less than to give the system one more piece to write. */
export const MAX_COPIED = 32_768;

/** Returns `block`. Throws an `ApplicationError` if it is neither bytes nor text. PEP 3333 #67 */
export function checkBlock(block: unknown): Block {
  if (typeof block === 'string' || block instanceof Uint8Array) return block;
  throw new ApplicationError('block-not-bytes', `A block must be a Uint8Array or a string, got ${show(block)}`);
}

/** Returns the bytes of `block`. */
export function toBytes(block: Block): Uint8Array {
  return typeof block === 'string' ? Buffer.from(block) : block;
}
