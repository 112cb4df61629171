// Source: the origin of a request body, and the seam between `wsgi.input`, which knows the contract, and a gateway, which knows
// the wire. Its counterpart for the response is sink.ts.

/** Bytes of a request body, in order. */
export interface Source {
  /** Fills the start of `buffer` and returns how many bytes it has put there. Returns 0 only at the end of the body. */
  read(buffer: Uint8Array): number;
  /** Reads as `read` does, but without blocking the event loop. A source that cannot do so leaves it out; then `read` is called. */
  readAsync?(buffer: Uint8Array): number | Promise<number>;
}

/** The source of a request without a body. */
export const NO_BODY: Source = { read: () => 0 };
