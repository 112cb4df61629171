// A resident gateway as a whole process: until when it serves, and how it leaves.

import type { Server } from 'node:net';
import { toFunction } from '../gateway/application.ts';
import type { Application, ApplicationFunction } from '../types.ts';

export interface LifeOptions {
  /** Requests after which the process ends, for another one to take its place. Default: never. */
  maxRequests?: number | undefined;
  /** Milliseconds without a request after which it ends. Default: never. */
  idleExit?: number | undefined;
}

/**
 * Serves `application` by `open` until SIGTERM, SIGINT or SIGUSR1 comes, or the options say that it is enough. Then no
 * more is taken, what runs is finished, and the promise resolves. It rejects when there is nowhere to listen.
 */
export async function serveUntilTold(
  application: Application,
  open: (application: ApplicationFunction) => Server,
  options: LifeOptions,
): Promise<void> {
  const { maxRequests = Infinity, idleExit } = options;
  const callable = toFunction(application);
  let count = 0;
  const counted: ApplicationFunction = (environ, startResponse) => {
    idle?.refresh();
    if (++count >= maxRequests) server.close();
    return callable(environ, startResponse);
  };
  const server = open(counted);
  const idle = idleExit === undefined ? undefined : setTimeout(() => server.close(), idleExit);
  // SIGUSR1 is how Apache's mod_fcgid and others ask for a graceful end; Node would begin to debug.
  const signals = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const;
  for (const signal of signals) process.on(signal, () => server.close());
  try {
    await new Promise((resolve, reject) => {
      server.on('close', resolve);
      server.on('error', reject);
    });
  } finally {
    clearTimeout(idle);
  }
}
