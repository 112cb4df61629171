// One request of SCGI. Its response looks like that of a CGI script, and ends with the connection.

import { MAX_COPIED, toBytes } from '../gateway/block.ts';
import { clientGone } from '../gateway/interruptions.ts';
import type { ResidentSettings } from '../resident/options.ts';
import { ResidentRequest } from '../resident/request.ts';
import type { Block, ErrorStream, Header } from '../types.ts';

/** The connection, as its request needs it. */
export interface RequestConnection {
  readonly isOpen: boolean;
  /** Sends `pieces` in one go. The promise, if sending has to wait for the web server, never rejects. */
  send(pieces: readonly Uint8Array[]): void | Promise<void>;
  /** Closes the connection when the response is sent. An incomplete response must not look like a whole one. */
  endResponse(complete: boolean): void;
}

export class ScgiRequest extends ResidentRequest {
  protected readonly errors: ErrorStream;
  #connection: RequestConnection;

  constructor(settings: ResidentSettings, connection: RequestConnection) {
    super(settings);
    this.errors = settings.errors;
    this.#connection = connection;
  }

  override start(status: string, headers: readonly Header[], block: Block = ''): void | Promise<void> {
    const head = this.renderHead(status, headers);
    if (typeof block === 'string' && Buffer.byteLength(block) === block.length) return this.#send([Buffer.from(head + block, 'latin1')]);
    const pieces = [Buffer.from(head, 'latin1'), toBytes(block)];
    return this.#send(head.length + block.length > MAX_COPIED ? pieces : [Buffer.concat(pieces)]);
  }

  override write(block: Block): void | Promise<void> {
    return this.#send([toBytes(block)]);
  }

  override end(complete: boolean): void {
    this.#connection.endResponse(complete);
  }

  #send(pieces: Uint8Array[]): void | Promise<void> {
    if (!this.#connection.isOpen) throw clientGone();
    return this.#connection.send(pieces);
  }
}
