// The socket that workers share. The supervisor binds it and never accepts from it, so connections that wait are not lost
// with any worker, and no worker's end closes the socket.

import { lookup } from 'node:dns/promises';
import { fs } from '../fs.ts';
import { bindSocket } from '../node-internals/bound-socket.ts';
import { checkOnePlace, type ListenOptions, withMode } from '../resident/listen.ts';
import { temporaryName } from '../resident/path-lock.ts';
import { publishSocket, removeDeadSocket } from '../resident/socket-path.ts';

export interface SharedSocket {
  /** The descriptor that workers inherit and listen on. */
  readonly fd: number;
  /** Gives a Unix socket its path. Called when the first worker listens. Throws EADDRINUSE when another process was faster. */
  publish(): void;
  /** Removes a Unix socket's path, and closes the socket in this process. Workers that have it open close it themselves. */
  close(): void;
}

/**
 * Binds the socket that `options` name. Returns undefined where this Node cannot bind a socket without accepting from it.
 * Rejects with a system error, or with a `TypeError` when `options` name no place, or more than one.
 */
export async function bindShared(options: ListenOptions): Promise<SharedSocket | undefined> {
  checkOnePlace(options);
  const { fd, socket, mode = 0o660, port = 0, host = '127.0.0.1' } = options;
  if (fd !== undefined) return { fd, publish() {}, close() {} };
  return socket === undefined ? bindPort(port, host) : bindPath(socket, mode);
}

async function bindPath(path: string, mode: number): Promise<SharedSocket | undefined> {
  if (fs.existsSync(path)) await removeDeadSocket(path);
  const temporary = temporaryName(path);
  const bound = withMode(mode, () => bindSocket(temporary, path));
  if (!bound) return undefined;
  fs.chmodSync(temporary, mode);
  let removePath = (): void => {};
  return {
    fd: bound.fd,
    publish() {
      removePath = publishSocket(temporary, path);
    },
    close() {
      removePath();
      bound.close();
    },
  };
}

async function bindPort(port: number, host: string): Promise<SharedSocket | undefined> {
  const { address, family } = await lookup(host);
  const bound = bindSocket(address, `${host}:${port}`, port, family);
  return bound && { fd: bound.fd, publish() {}, close: () => bound.close() };
}
