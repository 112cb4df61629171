// Decodes the chunked transfer coding (RFC 9112 §7.1), which a program may use that sends a whole HTTP response.

import { InvalidOutput } from './head.ts';

/** The longest line with the size of a chunk, in bytes. Chunk extensions on it are ignored. */
const MAX_LINE = 1024;

/** Yields the content of the chunks in `blocks` as it comes. Throws an `InvalidOutput` if they break off or are malformed. */
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
      // After a chunk comes the line end that belongs to it, then the size of the next one.
      const line = /^(?:\r?\n)?([0-9a-f]{1,12})[^\n]*\n/i.exec(ahead.toString('latin1', 0, MAX_LINE));
      if (line?.[1] === undefined) {
        if (ahead.length >= MAX_LINE) throw new InvalidOutput('its chunked body is malformed');
        break;
      }
      left = Number.parseInt(line[1], 16);
      ahead = ahead.subarray(line[0].length);
      if (left === 0) return;
    }
  }
  throw new InvalidOutput('its chunked body broke off');
}
