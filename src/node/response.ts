// Where a ServerResponse of node:http leaves its head and its blocks, instead of a connection: a queue that the
// gateway takes them from.

import { type ServerResponse, STATUS_CODES } from 'node:http';
import { sanitizeReason } from '../gateway/sanitize.ts';
import type { Header } from '../types.ts';

/** Bytes that wait for the gateway, above which write() says that it is enough. */
const HIGH_WATER_MARK = 65_536;

export interface NodeHead {
  status: string;
  headers: Header[];
}

export interface QueuedBlock {
  block: Buffer;
  taken: Callback;
}

type Callback = ((error?: Error | null) => void) | null | undefined;

export class ResponseQueue {
  /** Known with the first block, or with the end. */
  head: NodeHead | undefined;
  #response: ServerResponse;
  #incoming: QueuedBlock[] = [];
  /** Those that come next, the next one last: to take the first of a long array moves all others. */
  #outgoing: QueuedBlock[] = [];
  #size = 0;
  #onChange: () => void;

  /** `onChange` is called when there is something new to take. */
  constructor(response: ServerResponse, onChange: () => void) {
    this.#response = response;
    this.#onChange = onChange;
    response.sendDate = false;
    // All that decides about the head is Node's own; what it would write to the wire is caught where it hands it
    // over, at _send(), which all its versions have. On the object itself: Express swaps the prototype.
    const { _storeHeader: storeHeader } = response;
    response._storeHeader = (firstLine, headers) => {
      storeHeader.call(response, firstLine, headers);
      response.chunkedEncoding = false; // the framing is the web server's
    };
    response._send = (data, encoding, callback) => this.#add(data, encoding, callback);
    // 100 Continue, 103 Early Hints: no gateway can pass them on.
    response._writeRaw = (_data, encoding, callback) => {
      const done = [encoding, callback].find((one) => typeof one === 'function');
      if (typeof done === 'function') process.nextTick(done);
      return true;
    };
    // Node keeps nothing; "true" lets _flush() tell of the drain.
    response._flushOutput = () => true;
  }

  shift(): QueuedBlock | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.reverse();
      this.#incoming = [];
    }
    return this.#outgoing.pop();
  }

  /** A block has reached the gateway's peer. */
  settle({ block, taken }: QueuedBlock): void {
    this.#size -= block.length;
    taken?.();
    if (!this.#response.writableEnded && this.#size < HIGH_WATER_MARK) this.#response._flush();
  }

  #add(data: string | Uint8Array, encoding: BufferEncoding | null | undefined, taken: Callback): boolean {
    this.#response._headerSent = true;
    // As node:http does: what is sent on a connection that was destroyed is lost, and nobody is told that it was taken.
    if (this.#response.socket?.destroyed) return false;
    if (!this.head) {
      // Node puts the head before the first block, and both into bytes as the block asks for: UTF-8 if that is text.
      const isText = typeof data === 'string' && (!encoding || /^utf-?8$/i.test(encoding));
      this.head = parseHead(this.#response._header ?? '', isText ? 'utf8' : 'latin1');
    }
    const block =
      typeof data === 'string' ? Buffer.from(data, encoding ?? 'utf8') : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#incoming.push({ block, taken });
    this.#size += block.length;
    this.#onChange();
    return this.#size < HIGH_WATER_MARK;
  }
}

/** The lines are Node's: "HTTP/1.1 200 OK", then "Name: value". What it returns are byte strings. */
function parseHead(text: string, encoding: 'utf8' | 'latin1'): NodeHead {
  const [statusLine = '', ...lines] = text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => (isAscii(line) ? line : Buffer.from(line, encoding).toString('latin1')));
  const headers = lines.map((line): Header => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  const [, code = '', reason = ''] = /^HTTP\/1\.1 (\d+) (.*)$/s.exec(statusLine) ?? [];
  // Node sends an empty reason, which what proxies get from HTTP/2 has; a gateway does not.
  return { status: `${code} ${sanitizeReason(reason, STATUS_CODES[code] ?? 'unknown')}`, headers };
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
