// The chunked transfer coding, undone: RFC 9112 §7.1. A program that sends a whole HTTP response may use it.

import { BadOutput } from './head.ts';

/** The longest line with a chunk's size; extensions on it are passed over. */
const LONGEST = 1024;

/** Yields what is in the chunks of `blocks`, as it comes. Throws a `BadOutput` when they break off. */
export async function* unchunk(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let ahead: Buffer = Buffer.alloc(0);
  let left = 0;
  for await (const block of blocks) {
    ahead = Buffer.concat([ahead, block]);
    while (ahead.length > 0) {
      if (left > 0) {
        const piece = ahead.subarray(0, left);
        left -= piece.length;
        ahead = ahead.subarray(piece.length);
        yield piece;
        continue;
      }
      // Behind the bytes of a chunk there is a line end.
      const line = /^(?:\r?\n)?([0-9a-f]{1,12})[^\n]*\n/i.exec(ahead.toString('latin1', 0, LONGEST));
      if (line?.[1] === undefined) {
        if (ahead.length >= LONGEST) throw new BadOutput('its chunked body has no chunk where one must be');
        break;
      }
      left = Number.parseInt(line[1], 16);
      ahead = ahead.subarray(line[0].length);
      if (left === 0) return;
    }
  }
  throw new BadOutput('its chunked body broke off');
}
