// Parses the head of an SCGI request, CGI variables in a netstring, however the bytes are cut into chunks.

import { joinRepeated } from '../environ/repeated-headers.ts';
import type { Variables } from '../environ/variables.ts';
import { RequestError } from '../errors.ts';

const ZERO = 48;
const COLON = 58;
const COMMA = 44;

export class HeadersParser {
  #limit: number;
  /** Whether the length of the netstring is complete. */
  #hasLength = false;
  #digits = 0;
  #length = 0;
  #bytes: Buffer | undefined;
  #filled = 0;

  /** A head of more than `limit` bytes is an error. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes the next bytes. Once the head is complete, returns its variables, and the offset in `chunk` where the body begins.
   * Throws a `RequestError` when the bytes are no head of SCGI.
   */
  feed(chunk: Buffer): { variables: Variables; rest: number } | undefined {
    let at = this.#hasLength ? 0 : this.#feedLength(chunk);
    if (!this.#hasLength) return undefined;
    // A comma follows the content of a netstring.
    const size = this.#length + 1;
    let bytes: Buffer;
    if (!this.#bytes && chunk.length - at >= size) {
      bytes = chunk.subarray(at, at + size);
      at += size;
    } else {
      this.#bytes ??= Buffer.allocUnsafe(size);
      const count = chunk.copy(this.#bytes, this.#filled, at);
      this.#filled += count;
      at += count;
      if (this.#filled < size) return undefined;
      bytes = this.#bytes;
    }
    if (bytes[this.#length] !== COMMA) throw malformed(`A netstring of ${this.#length} bytes must end in ","`);
    return { variables: toVariables(bytes.toString('latin1', 0, this.#length)), rest: at };
  }

  #feedLength(chunk: Buffer): number {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk.readUInt8(at);
      if (byte === COLON && this.#digits > 0) {
        this.#hasLength = true;
        return at + 1;
      }
      if (byte < ZERO || byte > ZERO + 9 || (this.#digits > 0 && this.#length === 0)) {
        throw malformed('A request must begin with a netstring: a length in digits, and ":"');
      }
      this.#digits++;
      this.#length = this.#length * 10 + byte - ZERO;
      if (this.#length > this.#limit) {
        throw new RequestError('params-too-large', `A request's headers must not be longer than maxParamsSize, ${this.#limit} bytes`, 431);
      }
    }
    return chunk.length;
  }
}

/**
 * Parses names and values, each with a NUL behind it. The values of a header that comes twice are joined; of any other name the
 * last value counts.
 */
function toVariables(text: string): Variables {
  // Without a prototype V8 makes a hash table of it, which takes less time to fill with names from outside; see gateway/environ.ts.
  const variables: Variables = Object.create(null);
  for (let at = 0; at < text.length; ) {
    const nameEnd = text.indexOf('\0', at);
    const valueEnd = nameEnd < 0 ? -1 : text.indexOf('\0', nameEnd + 1);
    if (valueEnd < 0) throw malformed('Headers must be names and values with a NUL behind each; the last one has none');
    const name = text.slice(at, nameEnd);
    const value = text.slice(nameEnd + 1, valueEnd);
    const earlier = variables[name];
    if (earlier === undefined || !name.startsWith('HTTP_')) variables[name] = value;
    else variables[name] = joinRepeated(name, earlier, value);
    at = valueEnd + 1;
  }
  return variables;
}

function malformed(message: string): RequestError {
  return new RequestError('params-malformed', message, 400);
}
