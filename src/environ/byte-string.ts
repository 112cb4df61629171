// Byte strings: each character is one byte (ISO-8859-1). The variables of a request are such strings, and text is their UTF-8.

/** Returns the UTF-8 of `text` as a byte string. */
export function encodeUtf8(text: string): string {
  return isAscii(text) ? text : Buffer.from(text).toString('latin1');
}

/** Returns the text whose UTF-8 is `bytes`, a byte string. Bytes that are no UTF-8 become U+FFFD. */
export function decodeUtf8(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString();
}

/** Whether `text` is all ASCII: every other character takes more than one byte in UTF-8. */
export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}
