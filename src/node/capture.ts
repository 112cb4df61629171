// Programs that listen on a port, as most do that are written for node:http: while ports are withheld, a server believes
// that it listens, and whoever withholds them has the server in place of a port. On the author's side of the gateway.

import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { settling } from '../settle.ts';

export interface WithheldPorts {
  /** The first server that answers HTTP requests and was told to listen. */
  listener(): HttpServer | undefined;
  /** Runs `act`; what that itself tells to listen does so. */
  except<Result>(act: () => Result): Result;
  /** From now on a `listen()` opens its port again. */
  release(): void;
}

/**
 * From now on no `listen()` opens a port or the path of a socket. The server believes that it listens: its callback runs, and
 * `address()` tells what it asked for. A descriptor that it was given is open already, and not withheld.
 */
export function withholdPorts(): WithheldPorts {
  const servers: Server[] = [];
  let isExcepted = false;
  const withhold = (server: Server): boolean => {
    if (!isExcepted) servers.push(server);
    return !isExcepted;
  };
  return {
    release: 'bun' in process.versions ? withholdInBun(withhold) : withholdInNode(withhold),
    // Those of its requests may be added after listen().
    listener: () => servers.find((server): server is HttpServer => server.listenerCount('request') > 0),
    except(act) {
      isExcepted = true;
      try {
        return act();
      } finally {
        isExcepted = false;
      }
    },
  };
}

/**
 * Calls `load`, and returns the first `http.Server` on which anything has called `listen()` meanwhile, or while
 * something goes on that `load` has begun, for up to ten seconds; undefined when nothing has, or when
 * `isEnough()` says that there is no need to wait. The server believes that it listens: its callback runs, and `address()`
 * tells the port it was given. A `listen()` that comes later opens a port as always.
 */
export async function captureListen(load: () => unknown, isEnough: () => boolean = () => false): Promise<HttpServer | undefined> {
  const ports = withholdPorts();
  const settle = settling(() => ports.listener() !== undefined || isEnough());
  try {
    await load();
    // What is awaited before listen(), and a module that cannot be awaited itself.
    await settle();
    while (ports.listener() && isLookingUp()) await new Promise(setImmediate);
  } finally {
    ports.release();
  }
  return ports.listener();
}

/** Whether a name is being looked up: Fastify listens on each address of "localhost", but asks for them only after the first. */
function isLookingUp(): boolean {
  return process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap');
}

/** What every listen() of Node tells before it does anything. To ask there does not load node:net for a program without servers. */
const CHANNEL = 'tracing:net.server.listen:asyncStart';

function withholdInNode(withhold: (server: Server) => boolean): () => void {
  const onListen = (message: unknown): void => {
    const { server, options } = message as { server: Server; options: { fd?: unknown } };
    // listen() ends in this method, when it knows the address.
    if (options.fd === undefined && withhold(server)) server._listen2 = believeToListen;
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
