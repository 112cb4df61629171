// The request body for a CGI program, whose length must be known before the program starts. RFC 3875 #41, #45

import { Spool } from '../gateway/spool.ts';
import type { Environ, InputStream } from '../types.ts';

export interface ProgramInput {
  /** The length in bytes, as digits; undefined if there is no body. */
  length: string | undefined;
  /** The bytes; undefined if there are none. */
  blocks: AsyncIterable<Buffer> | undefined;
  /** Frees what the body takes in memory or on disk. */
  close(): void;
}

/** Returns the body of a request. A body of unknown length is read to its end first: into memory up to 1 MiB, then into a file. */
export async function programInput(environ: Environ): Promise<ProgramInput> {
  const { CONTENT_LENGTH: length, 'wsgi.input': input } = environ;
  if (length !== undefined && length !== '') {
    return { length, blocks: Number(length) > 0 ? input : undefined, close() {} };
  }
  const spool = await spoolInput(input);
  return {
    length: spool.length > 0 ? String(spool.length) : undefined,
    blocks: spool.length > 0 ? blocksOf(spool) : undefined,
    close: () => spool.close(),
  };
}

async function spoolInput(input: InputStream): Promise<Spool> {
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
