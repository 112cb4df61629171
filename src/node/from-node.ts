// A listener of node:http as an application of PEP 3333. What it returns is a response body whose first block waits for the
// listener's head. A gateway can close a body at any time, and thereby tells the listener that the client has left.

import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApplicationError } from '../errors.ts';
import { contentLength } from '../gateway/content-length.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { sanitizeHeaders } from '../gateway/sanitize.ts';
import { canAnswerUnconnected } from '../node-internals/unconnected-response.ts';
import type { ApplicationFunction, Block, Closable, Environ, StartResponse, Write } from '../types.ts';
import { type Listener, type ListenerFunction, toHandler } from './listener.ts';
import { ConnectedAnswer } from './over-connection.ts';
import { type Incoming, requestOf } from './request.ts';
import { ResponseQueue } from './response.ts';

/**
 * Returns `listener` as an application. Its requests and responses are real `IncomingMessage` and `ServerResponse`
 * objects. `req.url` is the path behind SCRIPT_NAME, and `req.originalUrl` the whole path, as under a router of Express. Bodies
 * are streamed in both directions, no faster than the other side takes them. Headers that are the web server's business
 * (`Connection`, `Transfer-Encoding`), trailers and interim responses are dropped.
 *
 * Throws an `ApplicationError` when `listener` is none.
 */
export function fromNode(listener: Listener): ApplicationFunction {
  const handle = toHandler(listener);
  const Answer = canAnswerUnconnected() ? NodeAnswer : ConnectedAnswer;
  return (environ, startResponse) => new Answer(handle, environ, startResponse);
}

/** The request and the response of a listener that was called. */
interface Call extends Incoming {
  response: ServerResponse;
  queue: ResponseQueue;
}

class NodeAnswer implements AsyncIterable<Block>, Closable {
  #handle: ListenerFunction;
  #environ: Environ;
  #startResponse: StartResponse;
  #call: Call | undefined;
  /** How many bytes of the body Content-Length still promises. */
  #left = Infinity;
  /** Whether "finish" was emitted. `writableFinished` cannot tell: it asks the socket, which never has anything left. */
  #isFinished = false;
  /** Whether the gateway has the whole response. A failure from now on is only logged. */
  #isAnswered = false;
  /** The error by which reading the request body failed. */
  #inputError: unknown;
  #failure: { error: unknown } | undefined;
  #wake = () => {};

  constructor(handle: ListenerFunction, environ: Environ, startResponse: StartResponse) {
    this.#handle = handle;
    this.#environ = environ;
    this.#startResponse = startResponse;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Block, void> {
    const { request, response, queue } = this.#callListener();
    let write: Write | undefined;
    for (;;) {
      const next = queue.shift();
      if (queue.head && !write) {
        const headers = sanitizeHeaders(queue.head.headers);
        write = this.#startResponse(queue.head.status, headers);
        this.#left = contentLength(headers);
      }
      if (next) {
        restartTimeout(request.socket);
        this.#left -= next.block.length;
        let isSent = false;
        try {
          if (next.block.length > 0) yield next.block;
          // The empty block of flushHeaders() or of an empty write(). Node also writes a head alone in front of a block of bytes.
          else if (queue.isEmpty && !response.writableEnded) await write?.flushHeaders?.();
          isSent = true;
        } finally {
          // A gateway that has the last byte of Content-Length does not resume this generator.
          if (isSent || this.#left <= 0) queue.settle(next);
        }
      } else if (this.#failure) {
        throw this.#failure.error;
      } else if (this.#isFinished) {
        return;
      } else {
        await this.#nextChange();
      }
    }
  }

  async close(): Promise<void> {
    if (!this.#call) return;
    const { request, response, queue, release } = this.#call;
    if (this.#isFinished || this.#left <= 0) {
      await this.#letFinish(response, queue);
      await release();
    } else {
      request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })); // the error of node:http
    }
    // The response emits "close" when its socket does.
    request.socket.destroy();
    // Node emits these events a turn later. Without it the process of a script would be over before.
    await new Promise(setImmediate);
  }

  /** Lets the listener come to its end, although the gateway wants no more bytes: Content-Length is reached, or it is a HEAD. */
  async #letFinish(response: ServerResponse, queue: ResponseQueue): Promise<void> {
    this.#isAnswered = true;
    while (!this.#isFinished && !response.destroyed && !this.#failure) {
      const next = queue.shift();
      if (next) queue.settle(next);
      else await this.#nextChange();
    }
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #callListener(): Call {
    const { request, release } = requestOf(this.#environ, (error) => {
      this.#inputError = error;
    });
    const { socket } = request;
    const response = new ServerResponse(request);
    const queue = new ResponseQueue(response, socket, () => this.#wake());
    this.#call = { request, release, response, queue };
    response.on('finish', () => {
      this.#isFinished = true;
      this.#wake();
    });
    // A server of Node destroys the socket at its "error" and "timeout", too.
    socket.on('error', () => socket.destroy());
    socket.on('timeout', () => {
      const isRequestListening = !request.complete && request.emit('timeout', socket);
      if (!response.emit('timeout', socket) && !isRequestListening) socket.destroy();
    });
    const failDestroyed = () => {
      this.#fail(
        response.errored ??
          this.#inputError ??
          new ApplicationError('response-destroyed', 'The listener destroyed its response before it had ended it'),
      );
    };
    // end() emits "prefinish" at once. "finish" follows even on a connection that was destroyed.
    response.on('prefinish', () => {
      if (socket.destroyed) failDestroyed();
    });
    response.on('close', () => {
      if (!response.writableEnded) failDestroyed();
    });
    try {
      const result = this.#handle(request, response);
      if (isPromiseLike(result)) result.then(undefined, (error: unknown) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
    return this.#call;
  }

  #fail(error: unknown): void {
    if (this.#isAnswered) this.#environ['wsgi.errors'].write(formatFailure('node', error));
    this.#failure ??= { error };
    this.#wake();
  }
}

/** Puts the timeout that a message's setTimeout() has set off: it counts time in which nothing is sent. */
function restartTimeout(socket: Socket): void {
  if (socket.timeout) socket.setTimeout(socket.timeout);
}
