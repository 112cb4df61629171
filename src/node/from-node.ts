// A listener of node:http as an application of PEP 3333: a response body whose first block waits for the
// listener's head. A body can be closed at any time, so that a client which leaves is heard of.

import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApplicationError } from '../errors.ts';
import { contentLength } from '../gateway/content-length.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { sanitizeHeaders } from '../gateway/sanitize.ts';
import { show } from '../show.ts';
import type { ApplicationFunction, Block, Closable, Environ, StartResponse, Write } from '../types.ts';
import { type Incoming, requestOf } from './request.ts';
import { ResponseQueue } from './response.ts';

/** What node:http calls for each request. Express and Connect applications are such. */
// The type of a method: so its parameters may be what a framework makes of Node's messages.
export type ListenerFunction = { listener(request: IncomingMessage, response: ServerResponse): unknown }['listener'];

/** A listener, or what has one: a Koa application, a Fastify instance, an `http.Server`. */
export type Listener =
  | ListenerFunction
  | { callback(): ListenerFunction }
  | { routing: ListenerFunction; ready(): PromiseLike<unknown> }
  | Server;

/**
 * Returns `listener` as an application. Its requests and responses are real `IncomingMessage` and `ServerResponse`
 * objects. `req.url` is what follows SCRIPT_NAME, `req.originalUrl` the whole, as under a router of Express. Bodies are
 * streamed both ways, no faster than the other side takes them. Headers that are the web server's business
 * (`Connection`, `Transfer-Encoding`), trailers and interim responses are dropped.
 *
 * Throws an `ApplicationError` when `listener` is none.
 */
export function fromNode(listener: Listener): ApplicationFunction {
  const handle = toHandler(listener);
  return (environ, startResponse) => new NodeAnswer(handle, environ, startResponse);
}

function toHandler(listener: unknown): ListenerFunction {
  if (typeof listener === 'function') return listener as ListenerFunction;
  if (typeof listener === 'object' && listener !== null) {
    if ('callback' in listener && typeof listener.callback === 'function') return listener.callback();
    if ('routing' in listener && 'ready' in listener && typeof listener.ready === 'function') {
      const { ready, routing } = listener as { ready(): PromiseLike<unknown>; routing: ListenerFunction };
      return async (request, response) => {
        await ready.call(listener);
        return routing.call(listener, request, response);
      };
    }
    if ('listen' in listener && 'listeners' in listener) return serverHandler(listener as Server);
  }
  throw new ApplicationError(
    'listener-not-node',
    `A Node listener must be a function (req, res), a Koa application, a Fastify instance or an http.Server, got ${show(listener)}`,
  );
}

/** One by one and not by emit(), which loses their promises. */
function serverHandler(server: Server): ListenerFunction {
  return (request, response) => {
    const listeners = server.listeners('request');
    if (listeners.length === 0) throw new ApplicationError('listener-not-node', 'The http.Server has no listener for its requests');
    return Promise.all(listeners.map((one): unknown => one.call(server, request, response)));
  };
}

interface Listening extends Incoming {
  response: ServerResponse;
  queue: ResponseQueue;
}

class NodeAnswer implements AsyncIterable<Block>, Closable {
  #handle: ListenerFunction;
  #environ: Environ;
  #startResponse: StartResponse;
  #listening: Listening | undefined;
  /** How many bytes Content-Length still promises. */
  #left = Infinity;
  /** Whether "finish" was emitted. `writableFinished` asks the socket, which has never anything left. */
  #isFinished = false;
  /** Whether the gateway has what it wants: what fails from now on is for the log alone. */
  #isOver = false;
  /** Why the body could not be read to its end. */
  #broken: unknown;
  #failure: { error: unknown } | undefined;
  #wake = () => {};

  constructor(handle: ListenerFunction, environ: Environ, startResponse: StartResponse) {
    this.#handle = handle;
    this.#environ = environ;
    this.#startResponse = startResponse;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Block, void> {
    const { request, response, queue } = this.#listen();
    let write: Write | undefined;
    for (;;) {
      const next = queue.shift();
      if (queue.head && !write) {
        const headers = sanitizeHeaders(queue.head.headers);
        write = this.#startResponse(queue.head.status, headers);
        this.#left = contentLength(headers);
      }
      if (next) {
        rearm(request.socket);
        this.#left -= next.block.length;
        let isTaken = false;
        try {
          if (next.block.length > 0) yield next.block;
          // What flushHeaders() leaves in the queue, or an empty write().
          else if (!response.writableEnded) await write?.flushHeaders?.();
          isTaken = true;
        } finally {
          // The gateway does not come back for more than Content-Length.
          if (isTaken || this.#left <= 0) queue.settle(next);
        }
      } else if (this.#failure) {
        throw this.#failure.error;
      } else if (this.#isFinished) {
        return;
      } else {
        await this.#change();
      }
    }
  }

  async close(): Promise<void> {
    if (!this.#listening) return;
    const { request, response, queue, release } = this.#listening;
    if (this.#isFinished || this.#left <= 0) {
      await this.#finish(response, queue);
      await release();
    } else {
      request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })); // Node's own
    }
    // The response's "close" comes with that of its socket.
    request.socket.destroy();
    // What they are followed by is emitted after this turn, when the process of a script would be over.
    await new Promise(setImmediate);
  }

  /** The gateway wants no more than Content-Length, or nothing for a HEAD; the listener comes to its end all the same. */
  async #finish(response: ServerResponse, queue: ResponseQueue): Promise<void> {
    this.#isOver = true;
    while (!this.#isFinished && !response.destroyed && !this.#failure) {
      const next = queue.shift();
      if (next) queue.settle(next);
      else await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #listen(): Listening {
    const { request, release } = requestOf(this.#environ, (error) => {
      this.#broken = error;
    });
    const response = new ServerResponse(request);
    response.assignSocket(request.socket);
    const queue = new ResponseQueue(response, () => this.#wake());
    this.#listening = { request, release, response, queue };
    response.on('finish', () => {
      this.#isFinished = true;
      this.#wake();
    });
    // What destroy() was given, or what somebody emits: a server of Node destroys the socket then.
    request.socket.on('error', () => request.socket.destroy());
    request.socket.on('timeout', () => {
      // As a server of Node does.
      const isHeard = !request.complete && request.emit('timeout', request.socket);
      if (!response.emit('timeout', request.socket) && !isHeard) request.socket.destroy();
    });
    const failDestroyed = () => {
      this.#fail(
        response.errored ??
          this.#broken ??
          new ApplicationError('response-destroyed', 'The listener destroyed its response before it had ended it'),
      );
    };
    // Emitted by end() itself, whose "finish" comes on a destroyed connection, too.
    response.on('prefinish', () => {
      if (request.socket.destroyed) failDestroyed();
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
    return this.#listening;
  }

  #fail(error: unknown): void {
    if (this.#isOver) this.#environ['wsgi.errors'].write(formatFailure('node', error));
    this.#failure ??= { error };
    this.#wake();
  }
}

/** What setTimeout() of a message counts is idle time. */
function rearm(socket: Socket): void {
  if (socket.timeout) socket.setTimeout(socket.timeout);
}
