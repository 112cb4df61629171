// The kinds of listeners of node:http: functions, applications of Koa and Fastify, servers.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ApplicationError } from '../errors.ts';
import { show } from '../show.ts';

/** A function that node:http calls for each request, such as an application of Express or Connect. */
// It has the type of a method, which lets its parameters be the classes that a framework derives from Node's messages.
export type ListenerFunction = { listener(request: IncomingMessage, response: ServerResponse): unknown }['listener'];

/** A listener, or an object that has one: a Koa application, a Fastify instance, an `http.Server`. */
export type Listener =
  | ListenerFunction
  | { callback(): ListenerFunction }
  | { routing: ListenerFunction; ready(): PromiseLike<unknown> }
  | Server;

/** Returns the function of any kind of listener. Throws an `ApplicationError` when `listener` is none. */
export function toHandler(listener: unknown): ListenerFunction {
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

/** Returns a function that calls the server's listeners one by one: emit() would lose the promises that they return. */
function serverHandler(server: Server): ListenerFunction {
  return (request, response) => {
    const listeners = server.listeners('request');
    if (listeners.length === 0) throw new ApplicationError('listener-not-node', 'The http.Server has no listener for its requests');
    return Promise.all(listeners.map((one): unknown => one.call(server, request, response)));
  };
}
