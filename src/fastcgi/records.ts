// FastCGI 1.0 §3 and §8 as bytes: parses the records that a web server sends, and makes the records that it is sent. Knows
// neither sockets nor requests.

import { joinRepeated } from '../environ/repeated-headers.ts';
import type { Variables } from '../environ/variables.ts';
import { MAX_COPIED, toBytes } from '../gateway/block.ts';
import type { Block } from '../types.ts';

// Types of records. §8
export const BEGIN_REQUEST = 1;
export const ABORT_REQUEST = 2;
export const END_REQUEST = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
export const UNKNOWN_TYPE = 11;

/** The role of a program that answers requests. §5.1 */
export const RESPONDER = 1;
/** The flag of a request whose connection stays open after it. §5.1 */
export const KEEP_CONN = 1;

// The protocol status in END_REQUEST. §5.5
export const OVERLOADED = 2;
export const UNKNOWN_ROLE = 3;

const VERSION = 1;
const HEADER = 8;
/** The most bytes of content that a record can have: its length is a number of two bytes. */
const LARGEST = 65_535;
/** The most bytes of content in a STDERR record. HAProxy writes beyond the end of its buffer, 16 KiB, when a record fills it. */
const LARGEST_ERROR = 8_192;
const NOTHING = Buffer.alloc(0);

/** The methods that a parser calls for each record, in order. */
export interface RecordReceiver {
  /**
   * Takes a record. PARAMS and STDIN are streams (§3.3): their content comes as it arrives, in pieces that are not empty, and
   * an empty piece ends the stream. Content of other types comes whole. Types that a responder does not read come without it.
   */
  record(type: number, id: number, content: Buffer): void;
  /** Called for a record of another version than 1. The parser stops. */
  badVersion(version: number): void;
}

/** Parses records, however the bytes are cut into chunks. Keeps no more of them than one record that has to be whole. */
export class RecordParser {
  #receiver: RecordReceiver;
  #header: Buffer | undefined;
  #headerLength = 0;
  #type = 0;
  #id = 0;
  /** How many bytes of the record's content have not arrived yet. */
  #left = 0;
  /** How many bytes are skipped behind the content. */
  #skip = 0;
  #whole: Buffer | undefined;
  #stopped = false;

  constructor(receiver: RecordReceiver) {
    this.#receiver = receiver;
  }

  /** Ignores everything from now on, and the rest of the present chunk. */
  stop(): void {
    this.#stopped = true;
  }

  /** Whether the next byte begins a record. */
  get isBetweenRecords(): boolean {
    return this.#headerLength === 0 && this.#left === 0 && this.#skip === 0;
  }

  feed(chunk: Buffer): void {
    const end = chunk.length;
    for (let at = 0; at < end && !this.#stopped; ) {
      if (this.#left > 0) {
        const count = Math.min(this.#left, end - at);
        this.#left -= count;
        this.#content(chunk.subarray(at, at + count));
        at += count;
      } else if (this.#skip > 0) {
        const count = Math.min(this.#skip, end - at);
        this.#skip -= count;
        at += count;
      } else if (this.#headerLength === 0 && end - at >= HEADER) {
        this.#begin(chunk, at);
        at += HEADER;
      } else {
        this.#header ??= Buffer.allocUnsafe(HEADER);
        const count = chunk.copy(this.#header, this.#headerLength, at);
        this.#headerLength += count;
        at += count;
        if (this.#headerLength === HEADER) {
          this.#headerLength = 0;
          this.#begin(this.#header, 0);
        }
      }
    }
  }

  #begin(bytes: Buffer, at: number): void {
    const version = bytes.readUInt8(at);
    if (version !== VERSION) {
      this.#stopped = true;
      this.#receiver.badVersion(version);
      return;
    }
    const length = bytes.readUInt16BE(at + 4);
    this.#type = bytes.readUInt8(at + 1);
    this.#id = bytes.readUInt16BE(at + 2);
    this.#skip = bytes.readUInt8(at + 6);
    if (length > 0 && isRead(this.#type)) {
      this.#left = length;
    } else {
      this.#skip += length;
      this.#receiver.record(this.#type, this.#id, NOTHING);
    }
  }

  #content(piece: Buffer): void {
    if (this.#type === PARAMS || this.#type === STDIN || (this.#left === 0 && !this.#whole)) {
      this.#receiver.record(this.#type, this.#id, piece);
      return;
    }
    this.#whole ??= Buffer.allocUnsafe(piece.length + this.#left);
    piece.copy(this.#whole, this.#whole.length - this.#left - piece.length);
    if (this.#left > 0) return;
    const content = this.#whole;
    this.#whole = undefined;
    this.#receiver.record(this.#type, this.#id, content);
  }
}

function isRead(type: number): boolean {
  return type === BEGIN_REQUEST || type === PARAMS || type === STDIN || type === GET_VALUES;
}

/** The names of the last request's first pairs. A web server sends the same names in the same order again. */
const expectedNames: string[] = [];
const MOST_EXPECTED = 64;

/**
 * Adds the name-value pairs in `text`, a byte string, to `variables`. The values of a header that comes twice are joined; of any
 * other name the last value counts. Returns false when a pair runs over the end. §3.4
 */
export function decodePairs(text: string, variables: Variables): boolean {
  const end = text.length;
  let at = 0;
  for (let which = 0; at < end; which++) {
    let nameLength = text.charCodeAt(at++);
    if (nameLength > 127) {
      nameLength = longLength(nameLength, text, at);
      at += 3;
    }
    let valueLength = text.charCodeAt(at++);
    if (valueLength > 127) {
      valueLength = longLength(valueLength, text, at);
      at += 3;
    }
    const valueAt = at + nameLength;
    const next = valueAt + valueLength;
    // NaN, if a length itself is cut off.
    if (!(next <= end)) return false;
    // V8 finds a property faster by a string that it has used as a name before.
    let name = expectedNames[which];
    if (name === undefined || name.length !== nameLength || !text.startsWith(name, at)) {
      name = text.substring(at, valueAt);
      if (which < MOST_EXPECTED) expectedNames[which] = name;
    }
    addVariable(variables, name, text.substring(valueAt, next));
    at = next;
  }
  return true;
}

function longLength(first: number, text: string, at: number): number {
  return (first & 127) * 0x1000000 + text.charCodeAt(at) * 0x10000 + text.charCodeAt(at + 1) * 0x100 + text.charCodeAt(at + 2);
}

function addVariable(variables: Variables, name: string, value: string): void {
  const earlier = name.startsWith('HTTP_') ? variables[name] : undefined;
  variables[name] = earlier === undefined ? value : joinRepeated(name, earlier, value);
}

/** Returns `pairs`, byte strings, with their lengths in one byte each where that suffices. §3.4 */
export function encodePairs(pairs: Iterable<readonly [name: string, value: string]>): Buffer {
  const pieces: Buffer[] = [];
  for (const [name, value] of pairs) {
    pieces.push(encodeLength(name.length), encodeLength(value.length), Buffer.from(name + value, 'latin1'));
  }
  return Buffer.concat(pieces);
}

function encodeLength(length: number): Buffer {
  if (length < 128) return Buffer.of(length);
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(length + 0x80000000);
  return bytes;
}

/** Returns one record of up to 65,535 bytes of content, and up to 255 of padding. */
export function makeRecord(type: number, id: number, content: Uint8Array, padding = 0): Buffer {
  const end = HEADER + content.length;
  const bytes = Buffer.allocUnsafe(end + padding);
  writeHeader(bytes, 0, type, id, content.length);
  bytes[6] = padding;
  bytes.set(content, HEADER);
  bytes.fill(0, end);
  return bytes;
}

/** Returns the answer to a management record of an unknown `type`. §4.2 */
export function unknownType(type: number): Buffer {
  return makeRecord(UNKNOWN_TYPE, 0, Buffer.of(type, 0, 0, 0, 0, 0, 0, 0));
}

/** Returns the record that ends or refuses a request. The application's exit status is 0, since no server reads it. §5.5 */
export function endRequest(id: number, protocolStatus: number): Buffer {
  return makeRecord(END_REQUEST, id, Buffer.of(0, 0, 0, 0, protocolStatus, 0, 0, 0));
}

/**
 * Returns `text` as UTF-8, in as many STDERR records as it takes. Each has padding: HAProxy 2.6 swaps its buffers, and aborts,
 * when nothing follows the text. §5.3
 */
export function stderrRecords(id: number, text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += LARGEST_ERROR) {
    const content = bytes.subarray(at, at + LARGEST_ERROR);
    records.push(makeRecord(STDERR, id, content, 8 - (content.length % 8)));
  }
  return records;
}

/**
 * Returns `head` and `block` as STDOUT and, if `isLast`, the end of that stream, the end of STDERR if `endsStderr`, and
 * END_REQUEST. All is in one buffer, unless the block is so large that it is not copied. §5.3, §5.5
 */
export function stdoutRecords(id: number, head: string, block: Block | undefined, isLast: boolean, endsStderr: boolean): Uint8Array[] {
  const isText = typeof block === 'string';
  const blockLength = block === undefined ? 0 : isText ? Buffer.byteLength(block) : block.length;
  const length = head.length + blockLength;
  if (length > MAX_COPIED) return manyRecords(id, head, block ?? '', isLast, endsStderr);

  const end = length === 0 ? 0 : HEADER + length;
  const bytes = Buffer.allocUnsafe(end + (isLast ? endLength(endsStderr) : 0));
  if (length > 0) {
    writeHeader(bytes, 0, STDOUT, id, length);
    if (isText && blockLength === block.length) {
      bytes.write(head + block, HEADER, 'latin1');
    } else {
      bytes.write(head, HEADER, 'latin1');
      if (isText) bytes.write(block, HEADER + head.length);
      else if (block) bytes.set(block, HEADER + head.length);
    }
  }
  if (isLast) writeEnd(bytes, end, id, endsStderr);
  return [bytes];
}

function manyRecords(id: number, head: string, block: Block, isLast: boolean, endsStderr: boolean): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (const bytes of [Buffer.from(head, 'latin1'), toBytes(block)]) {
    // The pieces are of equal size, because a block is often one byte longer than a record can be.
    const size = Math.ceil(bytes.length / Math.ceil(bytes.length / LARGEST));
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      const header = Buffer.allocUnsafe(HEADER);
      writeHeader(header, 0, STDOUT, id, piece.length);
      pieces.push(header, piece);
    }
  }
  if (isLast) {
    const end = Buffer.allocUnsafe(endLength(endsStderr));
    writeEnd(end, 0, id, endsStderr);
    pieces.push(end);
  }
  return pieces;
}

function endLength(endsStderr: boolean): number {
  return HEADER + (endsStderr ? HEADER : 0) + HEADER + 8;
}

/** Writes the empty records that end the streams (§3.3), and END_REQUEST. */
function writeEnd(bytes: Buffer, start: number, id: number, endsStderr: boolean): void {
  let at = writeHeader(bytes, start, STDOUT, id, 0);
  if (endsStderr) at = writeHeader(bytes, at, STDERR, id, 0);
  at = writeHeader(bytes, at, END_REQUEST, id, 8);
  bytes.fill(0, at, at + 8); // exit status 0, FCGI_REQUEST_COMPLETE
}

function writeHeader(bytes: Buffer, at: number, type: number, id: number, length: number): number {
  bytes[at] = VERSION;
  bytes[at + 1] = type;
  bytes[at + 2] = id >> 8;
  bytes[at + 3] = id & 255;
  bytes[at + 4] = length >> 8;
  bytes[at + 5] = length & 255;
  bytes[at + 6] = 0;
  bytes[at + 7] = 0;
  return at + HEADER;
}
