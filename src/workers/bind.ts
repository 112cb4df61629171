// The socket that workers share: bound once, by the process that starts them, which itself never accepts. So what
// waits to be accepted is lost with no worker, and no worker's end closes it.

import { lookup } from 'node:dns/promises';
import { _createServerHandle, type Handle } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { fs } from '../fs.ts';
import { type ListenOptions, onePlace, withMode } from '../resident/listen.ts';
import { nameBeside } from '../resident/path-lock.ts';
import { free, publish } from '../resident/socket-path.ts';

export interface Bound {
  /** The descriptor for workers to listen on. */
  readonly fd: number;
  /** A worker listens: a Unix socket gets its path. Throws EADDRINUSE when another process was faster. */
  open(): void;
  /** Nobody can connect any more, when the workers have closed it, too. A Unix socket's path is gone. */
  close(): void;
}

/** Rejects with a system error, or with a `TypeError` when `options` say no place, or two. */
export async function bind(options: ListenOptions): Promise<Bound> {
  onePlace(options);
  const { fd, socket, mode = 0o660, port = 0, host = '127.0.0.1' } = options;
  if (fd !== undefined) return { fd, open() {}, close() {} };
  return socket === undefined ? bindPort(port, host) : bindPath(socket, mode);
}

async function bindPath(path: string, mode: number): Promise<Bound> {
  if (fs.existsSync(path)) await free(path);
  const name = nameBeside(path);
  const handle = withMode(mode, () => must(_createServerHandle(name, -1, -1), path));
  fs.chmodSync(name, mode);
  let withdraw = (): void => {};
  return {
    fd: handle.fd,
    open() {
      withdraw = publish(name, path);
    },
    close() {
      withdraw();
      handle.close();
    },
  };
}

async function bindPort(port: number, host: string): Promise<Bound> {
  const { address, family } = await lookup(host);
  const handle = must(_createServerHandle(address, port, family), `${host}:${port}`);
  // The system's refusal of a port is kept for who listens; but that would listen somewhere else.
  const bound: { port?: number } = {};
  if (port > 0 && (handle.getsockname?.(bound) !== 0 || bound.port !== port)) {
    handle.close();
    throw systemError('EADDRINUSE', `${host}:${port}`);
  }
  return { fd: handle.fd, open() {}, close: () => handle.close() };
}

function must(handle: Handle | number, place: string): Handle {
  if (typeof handle === 'number') throw systemError(getSystemErrorName(handle), place);
  return handle;
}

function systemError(code: string, place: string): Error {
  return Object.assign(new Error(`bind ${code} ${place}`), { code, syscall: 'bind' });
}
