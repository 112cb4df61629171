// Texts that a built script holds compressed: tables of characters and of media types. Node reads and copies less then, and few
// requests need them.

import { brotliCompressSync } from 'node:zlib';

/** Returns an expression of JavaScript whose value is the text in `bytes`, which is UTF-8. */
export function compressedText(bytes: Buffer): string {
  // Brotli makes tables of characters a third smaller than deflate does.
  const base64 = brotliCompressSync(bytes).toString('base64');
  return `require("node:zlib").brotliDecompressSync(Buffer.from("${base64}", "base64")).toString()`;
}
