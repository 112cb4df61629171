// Lets a net.Server believe that it listens: a program that calls listen() is taken for an application, and opens no port. A
// request of a program without servers need not load node:net for this, which would take 3 % of an empty Node 20's processor time,
// and 7 % of Node 24's.
//
// Undocumented parts of Node: listen() ends in the server's `_listen2()`, which opens the port and sets `_handle`. The
// documented way is to replace listen() of node:net before the program runs. Without `_listen2` the server opens its port, keeps
// no process alive by it, and a port that is taken is no failure.

import type { AddressInfo, Server } from 'node:net';

/** The methods of a handle that a server calls. This handle keeps no process alive. */
interface ListeningHandle {
  fd: number;
  /** Fills `address` in, and returns 0. Only the handle of a port has this method. */
  getsockname?(address: Partial<AddressInfo>): number;
  close(done?: () => void): void;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
}

/**
 * Makes the listen() that `server` is in open no port. The server's callback runs, and `address()` tells what it asked for. Has to be
 * called before listen() has opened the port.
 */
export function listenWithoutPort(server: Server): void {
  if (typeof Reflect.get(server, '_listen2') !== 'function') {
    server.unref();
    server.on('error', () => {});
    return;
  }
  const listen = (address: string | null, port: number): void => {
    Reflect.deleteProperty(server, '_listen2');
    Reflect.set(server, '_handle', handleOf(address ?? '::', port));
    process.nextTick(() => {
      if (server.listening) server.emit('listening');
    });
  };
  Reflect.set(server, '_listen2', listen);
}

function handleOf(address: string, port: number): ListeningHandle {
  return {
    fd: -1,
    // A Unix socket has -1 for its port. The server knows the path itself.
    ...(port >= 0 && {
      getsockname(found: Partial<AddressInfo>): number {
        Object.assign(found, addressInfo(address, port));
        return 0;
      },
    }),
    close(done) {
      if (done) process.nextTick(done);
    },
    ref() {},
    unref() {},
    hasRef: () => false,
  };
}

/** Returns the value of a server's `address()`. A program that asks for any free port, by 0, is told 80. */
export function addressInfo(address: string, port: number): AddressInfo {
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port: port || 80 };
}
