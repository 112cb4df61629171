// Loads a module that calls listen(), and takes its server for the application. No port is opened.

import type { Server } from 'node:http';
import { hostLookupsDone } from '../node-internals/host-lookups.ts';
import { idleWaiter } from '../wait-until-idle.ts';
import { withholdPorts } from '../withheld-ports.ts';

/**
 * Calls `load`, and resolves to the first `http.Server` that is told to listen. Waits for it while something goes on that
 * `load` has begun, for up to ten seconds, unless `isEnough()` returns true. Resolves to undefined when there is no such server.
 *
 * The server believes that it listens: its callback runs, and `address()` tells the port that it was given. A later `listen()`
 * opens its port.
 */
export async function captureListen(load: () => unknown, isEnough: () => boolean = () => false): Promise<Server | undefined> {
  const ports = withholdPorts();
  const waitUntilIdle = idleWaiter(() => ports.listener() !== undefined || isEnough());
  try {
    await load();
    // A module may wait for something else before it calls listen(), and not every module can be awaited.
    await waitUntilIdle();
    if (ports.listener()) await hostLookupsDone();
  } finally {
    ports.release();
  }
  return ports.listener();
}
