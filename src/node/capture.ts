// Modules that only call listen(): while one is loaded, that opens no port.

import { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { settling } from '../settle.ts';

/**
 * Calls `load`, and returns the first `http.Server` on which anything has called `listen()` meanwhile, or while
 * something goes on that `load` has begun, for up to ten seconds; undefined when nothing has, or when
 * `isEnough()` says that there is no need to wait. The server believes that it listens: its callback runs, and `address()`
 * tells the port it was given. A `listen()` that comes later opens a port as always.
 */
export async function captureListen(load: () => unknown, isEnough: () => boolean = () => false): Promise<Server | undefined> {
  const settle = settling(() => captured !== undefined || isEnough());
  let captured: Server | undefined;
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    captured ??= this;
    const callback = args.findLast((one) => typeof one === 'function');
    const address = addressOf(args);
    this.address = () => address;
    Object.defineProperty(this, 'listening', { value: true, configurable: true });
    if (typeof callback === 'function') this.once('listening', callback as () => void);
    process.nextTick(() => this.emit('listening'));
    return this;
  } as typeof listen;
  try {
    await load();
    // What is awaited before listen(), and a module that cannot be awaited itself.
    await settle();
    while (captured && isLookingUp()) await new Promise(setImmediate);
  } finally {
    Server.prototype.listen = listen;
  }
  return captured;
}

/** Whether a name is being looked up: Fastify listens on each address of "localhost", but asks for them only after the first. */
function isLookingUp(): boolean {
  return process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap');
}

function addressOf([first, second]: unknown[]): AddressInfo {
  const options: { port?: unknown; host?: unknown } = typeof first === 'object' && first !== null ? first : { port: first, host: second };
  const address = typeof options.host === 'string' ? options.host : '127.0.0.1';
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port: Number(options.port) || 80 };
}
