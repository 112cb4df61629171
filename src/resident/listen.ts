// Where a resident gateway waits for its web server: a Unix socket, a port, or a descriptor that somebody
// else has opened.

import { Server } from 'node:net';
import { fs } from '../fs.ts';
import { nameBeside } from './path-lock.ts';
import { free, publish } from './socket-path.ts';

export interface ListenOptions {
  /** The path of a Unix socket. One that a dead process has left behind is replaced. */
  socket?: string;
  /** Who may connect to it, like a file's permissions. Default: 0o660, owner and group. */
  mode?: number;
  /** A TCP port; 0 for a free one. */
  port?: number;
  /** The address it belongs to. Default: 127.0.0.1. */
  host?: string;
  /** The number of a descriptor that listens already, such as 0. */
  fd?: number;
}

/** How many connections may wait to be taken. */
export const BACKLOG = 1024;

/**
 * Lets `server` listen, unless it is closed before that; what prevents it is its "error" event. Returns what takes a
 * socket's path away again. Throws a `TypeError` when `options` say no place, or two.
 */
export function listen(server: Server, options: ListenOptions, isClosed: () => boolean): () => void {
  onePlace(options);
  const { socket, port, fd, host = '127.0.0.1', mode = 0o660 } = options;
  if (socket !== undefined) return listenOnPath(server, socket, mode, isClosed);
  server.listen(fd === undefined ? { port, host, backlog: BACKLOG } : { fd, backlog: BACKLOG });
  return () => {};
}

export function onePlace({ socket, port, fd }: ListenOptions): void {
  const places = [socket, port, fd].filter((place) => place !== undefined).length;
  if (places !== 1) throw new TypeError(`A gateway listens on one of socket, port and fd, got ${places || 'none'} of them`);
}

function listenOnPath(server: Server, path: string, mode: number, isClosed: () => boolean): () => void {
  let withdraw = (): void => {};
  const begin = (): void => {
    if (isClosed()) return;
    const name = nameBeside(path);
    withMode(mode, () => server.listen({ path: name, backlog: BACKLOG }));
    // It does, or never will; only "listening" and "error" come later.
    if (!server.listening) {
      server.prependOnceListener('error', (error) => {
        error.message = error.message.replace(name, path);
      });
      return;
    }
    try {
      fs.chmodSync(name, mode);
      withdraw = publish(name, path);
    } catch (error) {
      Server.prototype.close.call(server);
      fail(error);
    }
  };
  const fail = (error: unknown) => process.nextTick(() => server.emit('error', error));
  if (fs.existsSync(path)) free(path).then(begin, fail);
  else begin();
  return () => withdraw();
}

/** So that nobody can connect between bind() and chmod(). */
export function withMode<Value>(mode: number, bind: () => Value): Value {
  const before = setUmask(0o777 & ~mode);
  try {
    return bind();
  } finally {
    if (before !== undefined) setUmask(before);
  }
}

/** A worker thread cannot do this. */
function setUmask(mask: number): number | undefined {
  try {
    return process.umask(mask);
  } catch {
    return undefined;
  }
}
