// The request body as a CGI program gets it: of a length that is known before it starts. RFC 3875 #41, #45

import { Spool } from '../gateway/spool.ts';
import type { Environ, InputStream } from '../types.ts';

export interface RequestBody {
  /** In bytes; undefined when there is no body. */
  length: string | undefined;
  blocks: AsyncIterable<Buffer> | undefined;
  /** Gives back what was taken to keep it. */
  close(): void;
}

/** Returns the body of a request. One of unknown length is taken in first, in memory up to 1 MiB, then in a temporary file. */
export async function requestBody(environ: Environ): Promise<RequestBody> {
  const { CONTENT_LENGTH: length, 'wsgi.input': input } = environ;
  if (length !== undefined && length !== '') {
    return { length, blocks: Number(length) > 0 ? input : undefined, close() {} };
  }
  const spool = await take(input);
  return {
    length: spool.length > 0 ? String(spool.length) : undefined,
    blocks: spool.length > 0 ? blocksOf(spool) : undefined,
    close: () => spool.close(),
  };
}

async function take(input: InputStream): Promise<Spool> {
  const spool = new Spool();
  try {
    for await (const block of input) spool.add(block);
    return spool;
  } catch (error) {
    spool.close();
    throw error;
  }
}

async function* blocksOf(spool: Spool): AsyncGenerator<Buffer, void> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(65_536);
    const count = spool.read(buffer);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}
