// Lets a net.Server believe that it listens. A program that calls listen() becomes an application by it, and opens no port.
//
// Undocumented parts of Node: listen() ends in the server's `_listen2()`, which opens the port and sets `_handle`. The
// documented way is to patch listen() of node:net before the program runs, which means to load node:net for every request
// of a program without servers: a twentieth of Node's start. Without `_listen2` the server opens its port, keeps no process
// alive by it, and a port that is taken is no failure.

import type { AddressInfo, Server } from 'node:net';

/** As much of a handle as a server asks for. It keeps no process alive. */
interface ListeningHandle {
  fd: number;
  /** Of a TCP port. Fills `address` in, and returns 0. */
  getsockname?(address: Partial<AddressInfo>): number;
  close(done?: () => void): void;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
}

/** To be called while `server` is in listen(), before that has opened a port: its callback runs, and `address()` tells what it asked for. */
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

/** What `address()` of a server returns. A free port, which is asked for by 0, is 80. */
export function addressInfo(address: string, port: number): AddressInfo {
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port: port || 80 };
}
