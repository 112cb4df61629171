// The sink of the development server: writes head and blocks to a ServerResponse of node:http, which frames them. The next
// block is asked for when the operating system has taken the one before, so that nothing piles up in memory.

import type { ServerResponse } from 'node:http';
import { toBytes } from '../gateway/block.ts';
import { isContentLength } from '../gateway/content-length.ts';
import { clientGone } from '../gateway/interruptions.ts';
import type { Sink } from '../gateway/sink.ts';
import type { Block, Header } from '../types.ts';
import type { AccessLog } from './access-log.ts';
import type { Connection } from './connection.ts';

export class Output implements Sink {
  #response: ServerResponse;
  #connection: Connection;
  #accessLog: AccessLog | undefined;
  /** How many bytes of body have been sent. */
  #sent = 0;

  constructor(response: ServerResponse, connection: Connection, accessLog: AccessLog | undefined) {
    this.#response = response;
    this.#connection = connection;
    this.#accessLog = accessLog;
  }

  start(status: string, headers: readonly Header[], block: Block | undefined, isComplete: boolean): void | Promise<void> {
    const response = this.#response;
    if (response.destroyed) throw clientGone();
    setHeaders(response, headers);
    response.writeHead(Number(status.slice(0, 3)), status.slice(4));
    if (isComplete) this.#endWith(block);
    else if (block !== undefined) return this.write(block);
    else response.flushHeaders();
  }

  write(block: Block): Promise<void> {
    const response = this.#response;
    if (response.destroyed) throw clientGone();
    const bytes = toBytes(block);
    this.#sent += bytes.length;
    return new Promise((resolve, reject) => {
      response.write(bytes, (error) => (error ? reject(clientGone()) : resolve()));
    });
  }

  end(complete: boolean): void | Promise<void> {
    const response = this.#response;
    this.#accessLog?.add(response, this.#connection.remoteAddress, this.#sent);
    if (!complete) {
      response.destroy();
      return;
    }
    if (!response.writableEnded) response.end();
    if (response.writableLength > 0) return new Promise((resolve) => response.once('close', resolve));
  }

  /** Sends head, body and end at once. */
  #endWith(block: Block | undefined): void {
    const response = this.#response;
    if (block === undefined) {
      response.end();
    } else if (typeof block === 'string') {
      this.#sent = Buffer.byteLength(block);
      // Node joins head and text, and encodes both alike. The head has to be ISO-8859-1.
      if (this.#sent === block.length) response.end(block, 'latin1');
      else response.end(Buffer.from(block));
    } else {
      this.#sent = block.length;
      response.end(block);
    }
  }
}

/**
 * Sets `headers` beside those that a framework has set before it called the application. They replace the framework's headers
 * of the same name, but cookies are added. Node 20's writeHead() would keep only the last header of each name, even if the
 * framework has removed all that it had set.
 */
function setHeaders(response: ServerResponse, headers: readonly Header[]): void {
  if (response.getHeaderNames().length > 0) {
    for (const [name] of headers) if (name.toLowerCase() !== 'set-cookie') response.removeHeader(name);
  }
  // Content-Length comes last: Node encodes a Content-Disposition that follows it as UTF-8.
  let length: Header | undefined;
  for (const header of headers) {
    if (isContentLength(header)) length = header;
    else response.appendHeader(header[0], header[1]);
  }
  if (length) response.appendHeader(length[0], length[1]);
}
