// The response of a listener, between the listener and the gateway: queues the head and the blocks until the gateway takes them.

import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { sanitizeReason } from '../gateway/sanitize.ts';
import { type ResponseHead, receiveResponse } from '../node-internals/unconnected-response.ts';
import type { Header } from '../types.ts';

/** While more bytes than this wait for the gateway, the response's write() returns false. */
const HIGH_WATER_MARK = 65_536;

export interface NodeHead {
  status: string;
  headers: Header[];
}

export interface QueuedBlock {
  block: Buffer;
  callback: (() => void) | undefined;
}

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
    // A server of Node clears its own flag when the connection has drained. There is no server here.
    Object.defineProperty(response, 'writableNeedDrain', {
      configurable: true,
      get: () => this.#needsDrain && !response.writableEnded,
    });
    receiveResponse(response, socket, {
      head: (head) => {
        this.head = { status: statusOf(head), headers: head.headers };
      },
      block: (block, callback) => this.#add({ block, callback }),
    });
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

  #add(queued: QueuedBlock): boolean {
    this.#incoming.push(queued);
    this.#size += queued.block.length;
    this.#onChange();
    this.#needsDrain ||= this.#size >= HIGH_WATER_MARK;
    return this.#size < HIGH_WATER_MARK;
  }
}

/** Node sends an empty reason, as proxies get it from HTTP/2. A gateway has to send one. */
function statusOf({ code, reason }: ResponseHead): string {
  return `${code} ${sanitizeReason(reason, STATUS_CODES[code] ?? 'unknown')}`;
}
