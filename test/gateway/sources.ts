// Where the bytes of a body come from, in tests.

/** A source that gives `bytes`, and then ends. */
export function bytesOf(bytes: Buffer): { read(buffer: Buffer): number } {
  let at = 0;
  return {
    read(buffer) {
      const count = bytes.copy(buffer, 0, at);
      at += count;
      return count;
    },
  };
}
