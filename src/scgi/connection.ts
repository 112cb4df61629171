// One connection of SCGI, which is one request: headers, body, and the response until the end.

import type { Socket } from 'node:net';
import { ResidentConnection } from '../resident/connection.ts';
import type { Gateway } from '../resident/options.ts';
import { HeadersParser } from './headers.ts';
import { ScgiRequest } from './request.ts';

export class ScgiConnection extends ResidentConnection {
  #request: ScgiRequest;
  #headers: HeadersParser | undefined;
  #hasBegun = false;
  /** Bytes of body still to come. */
  #left = 0;

  constructor(socket: Socket, gateway: Gateway) {
    super(socket, gateway);
    this.#request = new ScgiRequest(gateway, this);
    this.#headers = new HeadersParser(gateway.maxParamsSize);
  }

  protected override get busy(): boolean {
    return this.#hasBegun;
  }

  protected override get received(): boolean {
    return !this.#headers && this.#left === 0;
  }

  protected override get waits(): boolean {
    return !this.received && !this.#request.called;
  }

  protected override receive(chunk: Buffer): void {
    this.#hasBegun = true;
    if (!this.#headers) this.#receiveBody(chunk);
    // What follows headers that were refused is not looked at.
    else if (!this.#request.called) this.#receiveHeaders(this.#headers, chunk);
  }

  #receiveHeaders(headers: HeadersParser, chunk: Buffer): void {
    const request = this.#request;
    let complete: ReturnType<HeadersParser['feed']>;
    try {
      complete = headers.feed(chunk);
    } catch (error) {
      request.refuse(error);
      return;
    }
    if (!complete) return;
    this.#headers = undefined;
    // It must be there, by the protocol; without it there is no body.
    complete.variables.CONTENT_LENGTH ||= '0';
    request.setVariables(complete.variables);
    this.#left = request.announced ?? Infinity;
    this.#receiveBody(chunk.subarray(complete.rest));
  }

  #receiveBody(chunk: Buffer): void {
    const request = this.#request;
    this.#left = Math.max(0, this.#left - chunk.length);
    if (request.called) return;
    if (chunk.length > 0) request.addBody(chunk);
    if (this.#left === 0) request.callApplication();
  }

  protected override gone(): void {
    this.#request.abandon();
  }

  /** The response is sent; an incomplete one must not look like one that ends here. */
  finish(complete: boolean): void {
    if (complete || this.closed) {
      this.close();
    } else {
      this.closed = true;
      // Only TCP can tell the one end from the other.
      if (this.socket.remoteAddress === undefined) this.socket.destroySoon();
      else this.socket.resetAndDestroy();
    }
  }
}
