// One request of SCGI. Its response is that of a CGI script, and the end of the connection is its end.

import { clientGone } from '../gateway/interruptions.ts';
import type { Gateway } from '../resident/options.ts';
import { ResidentRequest } from '../resident/request.ts';
import type { Block, ErrorStream, Header } from '../types.ts';
import type { ScgiConnection } from './connection.ts';

/** Up to here copying a block costs less than handing the system one more piece. */
const COPIED = 32_768;

export class ScgiRequest extends ResidentRequest {
  protected readonly errors: ErrorStream;
  #connection: ScgiConnection;

  constructor(gateway: Gateway, connection: ScgiConnection) {
    super(gateway);
    this.errors = gateway.errors;
    this.#connection = connection;
  }

  override start(status: string, headers: readonly Header[], block: Block = ''): void | Promise<void> {
    const head = this.renderHead(status, headers);
    if (typeof block === 'string' && Buffer.byteLength(block) === block.length) return this.#send([Buffer.from(head + block, 'latin1')]);
    const pieces = [Buffer.from(head, 'latin1'), typeof block === 'string' ? Buffer.from(block) : block];
    return this.#send(head.length + block.length > COPIED ? pieces : [Buffer.concat(pieces)]);
  }

  override write(block: Block): void | Promise<void> {
    return this.#send([typeof block === 'string' ? Buffer.from(block) : block]);
  }

  override end(complete: boolean): void {
    this.#connection.finish(complete);
  }

  #send(pieces: Uint8Array[]): void | Promise<void> {
    if (!this.#connection.isOpen) throw clientGone();
    return this.#connection.send(pieces);
  }
}
