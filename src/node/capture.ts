// Modules that only call listen(): while one is loaded, that opens no port.

import type { Server } from 'node:http';
import { idleWaiter } from '../idle.ts';
import { withholdPorts } from '../ports.ts';

/**
 * Calls `load`, and returns the first `http.Server` on which anything has called `listen()` meanwhile, or while
 * something goes on that `load` has begun, for up to ten seconds; undefined when nothing has, or when
 * `isEnough()` says that there is no need to wait. The server believes that it listens: its callback runs, and `address()`
 * tells the port it was given. A `listen()` that comes later opens a port as always.
 */
export async function captureListen(load: () => unknown, isEnough: () => boolean = () => false): Promise<Server | undefined> {
  const ports = withholdPorts();
  const waitUntilIdle = idleWaiter(() => ports.listener() !== undefined || isEnough());
  try {
    await load();
    // What is awaited before listen(), and a module that cannot be awaited itself.
    await waitUntilIdle();
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
