// The connection of a ServerResponse of node:http, as the response sees it: instead of sending bytes to a client, it queues
// the head and the blocks for the gateway.

import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { sanitizeReason } from '../gateway/sanitize.ts';
import type { Header } from '../types.ts';

/** While more bytes than this wait for the gateway, the response's write() returns false. */
const HIGH_WATER_MARK = 65_536;

const HEAD_END = '\r\n\r\n';

export interface NodeHead {
  status: string;
  headers: Header[];
}

export interface QueuedBlock {
  block: Buffer;
  callback: Callback;
}

type Callback = ((error?: Error | null) => void) | null | undefined;

export class ResponseQueue {
  /** The head of the response; undefined until Node has sent it, together with the first block or with the end. */
  head: NodeHead | undefined;
  #response: ServerResponse;
  #incoming: QueuedBlock[] = [];
  /** The blocks that come next, in reverse: to shift the first one off a long array would move all others. */
  #outgoing: QueuedBlock[] = [];
  /** How many bytes wait for the gateway. */
  #size = 0;
  #needsDrain = false;
  #onChange: () => void;

  /** Becomes the other end of `socket`, which `response` writes to. Calls `onChange` when there is something new to take. */
  constructor(response: ServerResponse, socket: Socket, onChange: () => void) {
    this.#response = response;
    this.#onChange = onChange;
    response.sendDate = false;
    // All properties are set on the objects themselves: Express swaps the prototype of the response.
    socket.write = (data: string | Uint8Array, encoding?: unknown, callback?: unknown) =>
      this.#write(data, isEncoding(encoding) ? encoding : 'utf8', callbackOf(encoding) ?? callbackOf(callback));
    Object.defineProperties(response, {
      chunkedEncoding: unchunkedOnceSent(response),
      // A server of Node clears its own flag when the connection has drained. There is no server here.
      writableNeedDrain: { configurable: true, get: () => this.#needsDrain && !response.writableEnded },
    });
    response.assignSocket(socket);
  }

  shift(): QueuedBlock | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.reverse();
      this.#incoming = [];
    }
    return this.#outgoing.pop();
  }

  get isEmpty(): boolean {
    return this.#outgoing.length === 0 && this.#incoming.length === 0;
  }

  /** Tells the listener that the gateway has sent a block. */
  settle({ block, callback }: QueuedBlock): void {
    this.#size -= block.length;
    callback?.();
    if (!this.#needsDrain || this.#size >= HIGH_WATER_MARK || this.#response.writableEnded) return;
    this.#needsDrain = false;
    this.#response.emit('drain');
  }

  #write(data: string | Uint8Array, encoding: BufferEncoding, callback: Callback): boolean {
    if (!this.#response.headersSent) {
      // An interim response, 100 Continue or 103 Early Hints: no gateway can pass it on.
      if (callback) process.nextTick(callback);
      return true;
    }
    let block = typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (!this.head) {
      // Node sends the head in front of the first block, or alone.
      const end = block.indexOf(HEAD_END);
      this.head = parseHead(block.toString('latin1', 0, end));
      block = block.subarray(end + HEAD_END.length);
    }
    this.#incoming.push({ block, callback });
    this.#size += block.length;
    this.#onChange();
    this.#needsDrain ||= this.#size >= HIGH_WATER_MARK;
    return this.#size < HIGH_WATER_MARK;
  }
}

/** The property `chunkedEncoding`, which decides how Node frames the body. Once the head is made it is false: framing is the web server's business. */
function unchunkedOnceSent(response: ServerResponse): PropertyDescriptor {
  let { chunkedEncoding } = response;
  return {
    configurable: true,
    get: () => chunkedEncoding && !response.headersSent,
    set(value: boolean) {
      chunkedEncoding = value;
    },
  };
}

/** Parses Node's own lines: "HTTP/1.1 200 OK", then "Name: value". Takes and returns byte strings. */
function parseHead(text: string): NodeHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const headers = lines.map((line): Header => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  const [, code = '', reason = ''] = /^HTTP\/1\.1 (\d+) (.*)$/s.exec(statusLine) ?? [];
  // Node sends an empty reason, as proxies get it from HTTP/2. A gateway has to send one.
  return { status: `${code} ${sanitizeReason(reason, STATUS_CODES[code] ?? 'unknown')}`, headers };
}

function isEncoding(value: unknown): value is BufferEncoding {
  return typeof value === 'string' && Buffer.isEncoding(value);
}

function callbackOf(value: unknown): Callback {
  return typeof value === 'function' ? (error) => void value(error) : undefined;
}
