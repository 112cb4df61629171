// One SCGI connection, which carries one request: headers, then the body, then the response until the connection ends.

import type { Socket } from 'node:net';
import { ResidentConnection } from '../resident/connection.ts';
import type { ResidentSettings } from '../resident/options.ts';
import { HeadersParser } from './headers.ts';
import { type RequestConnection, ScgiRequest } from './request.ts';

export class ScgiConnection extends ResidentConnection implements RequestConnection {
  #request: ScgiRequest;
  /** Undefined when the headers are complete. */
  #headers: HeadersParser | undefined;
  #hasBegun = false;
  /** How many bytes of the body have not arrived yet. */
  #bodyLeft = 0;

  constructor(socket: Socket, settings: ResidentSettings) {
    super(socket, settings);
    this.#request = new ScgiRequest(settings, this);
    this.#headers = new HeadersParser(settings.maxParamsSize);
  }

  override get isBusy(): boolean {
    return this.#hasBegun;
  }

  protected override get hasReceivedAll(): boolean {
    return !this.#headers && this.#bodyLeft === 0;
  }

  protected override get awaitsRest(): boolean {
    return !this.hasReceivedAll && !this.#request.called;
  }

  protected override receive(chunk: Buffer): void {
    this.#hasBegun = true;
    if (!this.#headers) this.#receiveBody(chunk);
    // Nothing that follows refused headers is parsed.
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
    // The protocol demands CONTENT_LENGTH. Without it there is no body.
    complete.variables.CONTENT_LENGTH ||= '0';
    request.setVariables(complete.variables);
    this.#bodyLeft = request.announced ?? Infinity;
    this.#receiveBody(chunk.subarray(complete.rest));
  }

  #receiveBody(chunk: Buffer): void {
    const request = this.#request;
    this.#bodyLeft = Math.max(0, this.#bodyLeft - chunk.length);
    if (request.called) return;
    if (chunk.length > 0) request.addBody(chunk);
    if (this.#bodyLeft === 0) request.callApplication();
  }

  protected override abandonRequests(): void {
    this.#request.abandon();
  }

  endResponse(complete: boolean): void {
    if (complete || this.isClosed) {
      this.close();
    } else {
      this.isClosed = true;
      // Only TCP can reset a connection. On a Unix socket an incomplete response ends as a whole one does.
      if (this.socket.remoteAddress === undefined) this.socket.destroySoon();
      else this.socket.resetAndDestroy();
    }
  }
}
