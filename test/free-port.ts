// A port for a test that needs its number before anybody listens there.

import { once } from 'node:events';
import { createServer } from 'node:net';

/** Returns a free port below those that the system gives to clients, since one of these could take it before the server does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) return port;
  }
}
