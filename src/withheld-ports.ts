// Programs that listen on a port, as most do that are written for node:http. While ports are withheld, a server of such a
// program only believes that it listens, and the gateway passes its requests to the server instead.

import type { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import { addressInfo, listenWithoutPort } from './node-internals/listen-without-port.ts';

/**
 * Marks a server of the gateway, which listens even while ports are withheld. The symbol is a registered one, because a process
 * may have several copies of this package.
 */
export const LISTENS: unique symbol = Symbol.for('run-with-cgi.listens') as never;

export interface WithheldPorts {
  /** Returns the first server that was told to listen and answers HTTP requests. */
  listener(): HttpServer | undefined;
  /** From now on listen() opens its port again. */
  release(): void;
}

/**
 * From now on listen() opens no port, and no socket at a path. The server believes that it listens: its callback runs, and
 * `address()` tells what it asked for.
 */
export function withholdPorts(): WithheldPorts {
  const servers: Server[] = [];
  const withhold = (server: Server): boolean => {
    if (Reflect.has(server, LISTENS)) return false;
    servers.push(server);
    return true;
  };
  return {
    release: 'bun' in process.versions ? withholdInBun(withhold) : withholdInNode(withhold),
    // Only now, because a program may add its listener for requests after listen().
    listener: () => servers.find((server): server is HttpServer => server.listenerCount('request') > 0),
  };
}

/** The channel on which Node publishes every listen() before it does anything. A subscriber does not load node:net for a program without servers. */
const CHANNEL = 'tracing:net.server.listen:asyncStart';

function withholdInNode(withhold: (server: Server) => boolean): () => void {
  const onListen = (message: unknown): void => {
    const { server } = message as { server: Server };
    if (withhold(server)) listenWithoutPort(server);
  };
  const { subscribe, unsubscribe } = process.getBuiltinModule('node:diagnostics_channel');
  subscribe(CHANNEL, onListen);
  return () => void unsubscribe(CHANNEL, onListen);
}

/**
 * Bun has no such channel, and its http.Server is not one of node:net. So listen() itself is replaced, and `Bun.serve`, which opens
 * no port either.
 */
function withholdInBun(withhold: (server: Server) => boolean): () => void {
  const bun = Reflect.get(globalThis, 'Bun') as { serve: unknown };
  const { serve } = bun;
  bun.serve = ({ port = 3000, hostname = 'localhost' }: { port?: number; hostname?: string }) => {
    const nothing = () => {};
    return {
      port,
      hostname,
      url: new URL(`http://${hostname}:${port}/`),
      stop: async () => {},
      reload: nothing,
      ref: nothing,
      unref: nothing,
    };
  };
  const { Server } = process.getBuiltinModule('node:http');
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: HttpServer, ...args: unknown[]): HttpServer {
    if (!withhold(this)) return Reflect.apply(listen, this, args);
    const [first, second] = args;
    const { port, host }: { port?: unknown; host?: unknown } =
      typeof first === 'object' && first !== null ? first : { port: first, host: second };
    this.address = () => addressInfo(typeof host === 'string' ? host : '::', Number(port) || 0);
    Object.defineProperty(this, 'listening', { value: true, configurable: true });
    const callback = args.findLast((one) => typeof one === 'function');
    if (typeof callback === 'function') this.once('listening', callback as () => void);
    process.nextTick(() => this.emit('listening'));
    return this;
  } as typeof listen;
  return () => {
    Server.prototype.listen = listen;
    bun.serve = serve;
  };
}
