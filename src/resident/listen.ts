// Where a resident gateway waits for its web server: a Unix socket, a port, or a descriptor that somebody
// else has opened.

import { connect, type ListenOptions as NodeOptions, type Server } from 'node:net';
import { fs } from '../fs.ts';

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
 * Lets `server` listen, unless it is closed before that; what prevents it is its "error" event. Throws a
 * `TypeError` when `options` say no place, or two.
 */
export function listen(server: Server, options: ListenOptions, isClosed: () => boolean): void {
  onePlace(options);
  const { socket, port, fd, host = '127.0.0.1', mode = 0o660 } = options;
  if (fd !== undefined) server.listen({ fd, backlog: BACKLOG });
  else if (socket === undefined) server.listen({ port, host, backlog: BACKLOG });
  else if (!fs.existsSync(socket)) listenOnPath(server, socket, mode);
  else {
    clearStale(socket, (error) => {
      if (isClosed()) return;
      try {
        if (error) throw error;
        listenOnPath(server, socket, mode);
      } catch (problem) {
        server.emit('error', problem);
      }
    });
  }
}

export function onePlace({ socket, port, fd }: ListenOptions): void {
  const places = [socket, port, fd].filter((place) => place !== undefined).length;
  if (places !== 1) throw new TypeError(`A gateway listens on one of socket, port and fd, got ${places || 'none'} of them`);
}

/** Takes the socket at `path` away when it refuses connections: only then nobody is behind it. */
export function clearStale(path: string, proceed: (error?: unknown) => void): void {
  const found = identity(path);
  const probe = connect(path);
  const decide = (isStale: boolean) => {
    probe.destroy();
    try {
      // Another process may have been faster, and listen there by now.
      if (isStale && found !== undefined && identity(path) === found) fs.unlinkSync(path);
    } catch (error) {
      proceed(error);
      return;
    }
    proceed();
  };
  probe.on('connect', () => decide(false));
  probe.on('error', (error: NodeJS.ErrnoException) => decide(error.code === 'ECONNREFUSED'));
}

/** What tells a socket from a later one of the same name; undefined for what is no socket. */
function identity(path: string): string | undefined {
  const status = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return status?.isSocket() ? `${status.dev} ${status.ino} ${status.ctimeNs}` : undefined;
}

function listenOnPath(server: Server, path: string, mode: number): void {
  const options: NodeOptions = { path, backlog: BACKLOG };
  withMode(mode, () => server.listen(options, () => fs.chmodSync(path, mode)));
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
