// Answers a request by a listener of node:http over a connection in memory: a client of node:http writes the request, and a server
// reads it. It takes only what Node documents, and more time; for a Node whose responses do not work without a connection.

import { type ClientRequest, type IncomingMessage, request as openRequest, Server, STATUS_CODES } from 'node:http';
import { duplexPair, Readable } from 'node:stream';
import { codeOf } from '../error-code.ts';
import { ApplicationError } from '../errors.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { pairHeaders, sanitizeHeaders, sanitizeReason } from '../gateway/sanitize.ts';
import type { Block, Closable, Environ, StartResponse } from '../types.ts';
import type { ListenerFunction } from './listener.ts';
import { announcesBody, headersOf, pretendAddresses, urlProperties } from './request.ts';

/** Bytes of headers that both ends take. The gateway has limited them before. */
const MAX_HEADER_SIZE = 16 * 1024 * 1024;

/** The body of a response that comes over a connection. */
export class ConnectedAnswer implements AsyncIterable<Block>, Closable {
  #environ: Environ;
  #startResponse: StartResponse;
  #server: Server;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  /** The error of the listener, which counts more than the end of the connection that follows it. */
  #failure: { error: unknown } | undefined;

  constructor(handle: ListenerFunction, environ: Environ, startResponse: StartResponse) {
    this.#environ = environ;
    this.#startResponse = startResponse;
    const options = { maxHeaderSize: MAX_HEADER_SIZE, requireHostHeader: false };
    this.#server = new Server(options, async (request, response) => {
      response.sendDate = false;
      response.on('close', () => response.errored && this.#fail(response.errored));
      Object.assign(request, urlProperties(environ));
      try {
        await handle(request, response);
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Block, void> {
    try {
      const response = await this.#send();
      this.#response = response;
      const { statusCode = 0, statusMessage = '', rawHeaders } = response;
      const status = `${statusCode} ${sanitizeReason(statusMessage, STATUS_CODES[statusCode] ?? 'unknown')}`;
      const write = this.#startResponse(status, sanitizeHeaders(pairHeaders(rawHeaders)));
      // The first block comes together with the head, as a rule.
      await new Promise(setImmediate);
      if (response.readableLength === 0 && !response.complete) await write.flushHeaders?.();
      yield* response;
    } catch (error) {
      const destroyed = new ApplicationError('response-destroyed', 'The listener destroyed its response before it had ended it');
      throw this.#failure ? this.#failure.error : codeOf(error) === 'ECONNRESET' ? destroyed : error;
    }
  }

  /** Breaks the connection off unless the response is complete. That tells the listener that the client has left. */
  close(): void {
    if (!this.#response?.complete) this.#request?.destroy();
  }

  #send(): Promise<IncomingMessage> {
    const environ = this.#environ;
    const [ours, theirs] = duplexPair();
    // The two ends of a pair do not close each other.
    ours.on('close', () => theirs.destroy());
    theirs.on('close', () => ours.destroy());
    pretendAddresses(theirs, environ);
    this.#server.emit('connection', theirs);
    const request = openRequest({
      createConnection: () => ours,
      method: environ.REQUEST_METHOD,
      path: urlProperties(environ).url,
      setHost: false,
      maxHeaderSize: MAX_HEADER_SIZE,
    });
    this.#request = request;
    for (const [name, value] of headersOf(environ)) {
      if (!isHopByHop(name) && name !== 'Expect' && !request.hasHeader(name)) request.setHeader(name, value);
    }
    if (announcesBody(environ)) {
      const body = Readable.from(environ['wsgi.input']);
      body.on('error', (error) => this.#fail(error)).pipe(request);
    } else {
      // Without these lines Node announces an empty body where the client has announced none.
      if (!request.hasHeader('Content-Length')) request.removeHeader('Content-Length');
      request.removeHeader('Transfer-Encoding');
      request.end();
    }
    return new Promise((resolve, reject) => {
      request.on('response', resolve).on('error', reject);
    });
  }

  #fail(error: unknown): void {
    if (this.#response?.complete) this.#environ['wsgi.errors'].write(formatFailure('node', error));
    this.#failure ??= { error };
    this.#request?.destroy(new Error('The listener failed'));
  }
}
