// Lets a resident gateway listen for its web server: on a Unix socket, on a port, or on a descriptor that another process has
// opened.

import { Server } from 'node:net';
import { fs } from '../fs.ts';
import { temporaryName } from './path-lock.ts';
import { publishSocket, removeDeadSocket } from './socket-path.ts';

export interface ListenOptions {
  /** The path of a Unix socket. A socket that a dead process has left there is replaced. */
  socket?: string;
  /** The permissions of the Unix socket, which decide who may connect. Default: 0o660, owner and group. */
  mode?: number;
  /** A TCP port; 0 for a free one. */
  port?: number;
  /** The address of the TCP port. Default: 127.0.0.1. */
  host?: string;
  /** The number of a descriptor that listens already, such as 0. */
  fd?: number;
}

/** How many connections may wait until the gateway accepts them. */
export const BACKLOG = 1024;

/**
 * Lets `server` listen, unless `isClosed()` says that it was closed before. A failure is the server's "error" event. Returns a
 * function that removes a Unix socket's path again. Throws a `TypeError` when `options` name no place, or more than one.
 */
export function listen(server: Server, options: ListenOptions, isClosed: () => boolean): () => void {
  checkOnePlace(options);
  const { socket, port, fd, host = '127.0.0.1', mode = 0o660 } = options;
  if (socket !== undefined) return listenOnPath(server, socket, mode, isClosed);
  server.listen(fd === undefined ? { port, host, backlog: BACKLOG } : { fd, backlog: BACKLOG });
  return () => {};
}

/** Throws a `TypeError` unless exactly one of `socket`, `port` and `fd` is given. */
export function checkOnePlace({ socket, port, fd }: ListenOptions): void {
  const places = [socket, port, fd].filter((place) => place !== undefined).length;
  if (places !== 1) throw new TypeError(`A gateway listens on one of socket, port and fd, got ${places || 'none'} of them`);
}

function listenOnPath(server: Server, path: string, mode: number, isClosed: () => boolean): () => void {
  let removePath = (): void => {};
  const listenNow = (): void => {
    if (isClosed()) return;
    const temporary = temporaryName(path);
    withMode(mode, () => server.listen({ path: temporary, backlog: BACKLOG }));
    // listen() on a Unix socket has succeeded or failed when it returns. Only its events come later.
    if (!server.listening) {
      server.prependOnceListener('error', (error) => {
        error.message = error.message.replace(temporary, path);
      });
      return;
    }
    try {
      fs.chmodSync(temporary, mode);
      removePath = publishSocket(temporary, path);
    } catch (error) {
      // The close() of node:net: a ResidentServer's own would wait for connections first.
      Server.prototype.close.call(server);
      fail(error);
    }
  };
  const fail = (error: unknown) => process.nextTick(() => server.emit('error', error));
  if (fs.existsSync(path)) removeDeadSocket(path).then(listenNow, fail);
  else listenNow();
  return () => removePath();
}

/** Calls `bind` under a umask for `mode`: without it, others could connect between bind() and chmod(). */
export function withMode<Value>(mode: number, bind: () => Value): Value {
  const before = setUmask(0o777 & ~mode);
  try {
    return bind();
  } finally {
    if (before !== undefined) setUmask(before);
  }
}

/** Returns the umask before; undefined in a worker thread, which cannot set it. */
function setUmask(mask: number): number | undefined {
  try {
    return process.umask(mask);
  } catch {
    return undefined;
  }
}
