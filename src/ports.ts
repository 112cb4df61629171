// Programs that listen on a port, as most do that are written for node:http: while ports are withheld, a server believes
// that it listens, and whoever withholds them has the server in place of a port. On the author's side of the gateway.

import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';

/** On a server that listens all the same: it is the gateway's. By a registered symbol: there may be copies of this package. */
export const LISTENS: unique symbol = Symbol.for('run-with-cgi.listens') as never;

export interface WithheldPorts {
  /** The first server that answers HTTP requests and was told to listen. */
  listener(): HttpServer | undefined;
  /** From now on a `listen()` opens its port again. */
  release(): void;
}

/**
 * From now on no `listen()` opens a port or the path of a socket. The server believes that it listens: its callback runs, and
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
    // What listens for its requests may be added after listen().
    listener: () => servers.find((server): server is HttpServer => server.listenerCount('request') > 0),
  };
}

/** What every listen() of Node tells before it does anything. To ask there does not load node:net for a program without servers. */
const CHANNEL = 'tracing:net.server.listen:asyncStart';

function withholdInNode(withhold: (server: Server) => boolean): () => void {
  const onListen = (message: unknown): void => {
    const { server } = message as { server: Server };
    // listen() ends in this method, when it knows the address.
    if (withhold(server)) server._listen2 = believeToListen;
  };
  const { subscribe, unsubscribe } = process.getBuiltinModule('node:diagnostics_channel');
  subscribe(CHANNEL, onListen);
  return () => void unsubscribe(CHANNEL, onListen);
}

function believeToListen(this: Server, address: string | null, port: number): void {
  Reflect.deleteProperty(this, '_listen2');
  Reflect.set(this, '_handle', handleOf(address ?? '::', port));
  process.nextTick(() => {
    if (this.listening) this.emit('listening');
  });
}

/** As much of a handle as a server asks for. It keeps no process alive. */
function handleOf(address: string, port: number) {
  return {
    fd: -1,
    // A path has -1 for its port, and the server knows it itself.
    ...(port >= 0 && {
      getsockname(found: Partial<AddressInfo>): number {
        Object.assign(found, addressInfo(address, port));
        return 0;
      },
    }),
    close(done?: () => void) {
      if (done) process.nextTick(done);
    },
    ref() {},
    unref() {},
    hasRef: () => false,
  };
}

function addressInfo(address: string, port: number): AddressInfo {
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port: port || 80 };
}

/** Bun has no such channel, and its http.Server is not one of node:net. */
function withholdInBun(withhold: (server: Server) => boolean): () => void {
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
  };
}
