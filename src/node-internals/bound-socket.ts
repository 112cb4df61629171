// Binds a socket without listening on it, so that a supervisor can hold it for workers that listen and accept by themselves. That
// is what makes several workers possible, and what keeps waiting connections when a worker crashes.
//
// Undocumented part of Node: `net._createServerHandle`, which node:cluster is made of. All documented ways to bind a socket
// also accept its connections. Without it `bindSocket` returns undefined, and one process serves alone.

import net from 'node:net';
import { getSystemErrorName } from 'node:util';

/** A socket that is bound, and does not listen. */
export interface BoundSocket {
  /** Its descriptor, for workers to inherit. */
  readonly fd: number;
  close(): void;
}

/**
 * Binds a socket to `address`: the path of a Unix socket, or an IP address with its `family`, 4 or 6, and a `port`. Returns
 * undefined where this Node cannot do so. Throws a system error, such as EADDRINUSE, that names `place`.
 */
export function bindSocket(address: string, place: string, port = -1, family = -1): BoundSocket | undefined {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') return undefined;
  const handle: unknown = create(address, port, family);
  if (typeof handle === 'number') throw systemError(getSystemErrorName(handle), place);
  if (!isServerHandle(handle)) return undefined;
  // A taken port is no failure of bind() in libuv, which keeps the error for listen(); the socket is left without the port.
  const bound: { port?: number } = {};
  if (port > 0 && (handle.getsockname?.(bound) !== 0 || bound.port !== port)) {
    handle.close();
    throw systemError('EADDRINUSE', place);
  }
  return { fd: handle.fd, close: () => handle.close() };
}

interface ServerHandle {
  readonly fd: number;
  close(): void;
  /** Fills `address` in, and returns 0 or the number of a system error. Only a TCP socket has this method. */
  getsockname?(address: { port?: number }): number;
}

function isServerHandle(handle: unknown): handle is ServerHandle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    typeof Reflect.get(handle, 'close') === 'function' &&
    Number(Reflect.get(handle, 'fd')) >= 0
  );
}

function systemError(code: string, place: string): Error {
  return Object.assign(new Error(`bind ${code} ${place}`), { code, syscall: 'bind' });
}
