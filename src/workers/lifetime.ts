// A resident gateway as a whole process: until when it serves, and how it leaves.

import type { Server } from 'node:net';
import { toFunction } from '../gateway/application.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { ResidentServer } from '../resident/server.ts';
import type { Application, ApplicationFunction } from '../types.ts';
import { DRAIN, onUncaught } from './uncaught.ts';
import { followPrimary } from './worker-channel.ts';

export interface LifeOptions {
  /** As the log calls the gateway. */
  name: string;
  /** Requests after which the process ends, for another one to take its place. Default: never. */
  maxRequests?: number | undefined;
  /** Milliseconds without a request after which it ends. Default: never. */
  idleExit?: number | undefined;
  /** Milliseconds for running requests when it ends, above any grace; then they are cut. Default: 30,000. */
  drain?: number | undefined;
  /** Whether it is one of several workers, and its primary process sees to its end. Default: false. */
  isWorker?: boolean | undefined;
}

/**
 * Serves `application` by `open` until SIGTERM, SIGINT or SIGUSR1 comes, the options say that it is enough, or there is an error
 * that nobody catches. Then no more is taken, what runs is finished, and the promise resolves with an exit status: 1 after
 * such an error. It rejects when there is nowhere to listen.
 */
export async function serveUntilTold(
  application: Application,
  open: (application: ApplicationFunction) => Server,
  options: LifeOptions,
): Promise<number> {
  const { name, maxRequests = Infinity, idleExit, drain = DRAIN, isWorker = false } = options;
  const callable = toFunction(application);
  const errors = errorStream(process.stderr);
  let count = 0;
  let isIdle = false;
  const counted: ApplicationFunction = (environ, startResponse) => {
    idle?.refresh();
    if (isIdle) {
      isIdle = false;
      primary?.say('busy');
    }
    if (++count === maxRequests) enough();
    return callable(environ, startResponse);
  };
  const server = open(counted);

  let cut: NodeJS.Timeout | undefined;
  const end = () => {
    server.close();
    if (server instanceof ResidentServer) cut ??= setTimeout(() => server.cut(), server.grace + drain);
  };
  const leave = () => {
    if (server instanceof ResidentServer) server.leave((socket) => primary?.handOn(socket));
    end();
  };
  const primary = isWorker
    ? followPrimary({
        end,
        leave,
        adopt: (connection) => server instanceof ResidentServer && server.adopt(connection),
      })
    : undefined;
  /** The primary process knows whether all ends, or who comes instead. */
  const enough = () => {
    count = 0;
    if (primary && process.connected) primary.say('replace');
    else end();
  };
  const idle = idleExit === undefined ? undefined : setTimeout(rest, idleExit);
  function rest(): void {
    isIdle = true;
    if (primary) primary.say('idle');
    else end();
  }

  let status = 0;
  onUncaught({
    name,
    errors,
    deadline: (server instanceof ResidentServer ? server.grace : 0) + drain,
    leave() {
      status = 1;
      primary?.say('broken');
      if (primary && process.connected) leave();
      else end();
    },
  });

  // SIGUSR1 is how Apache's mod_fcgid and others ask for a graceful end; Node would begin to debug.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) process.on(signal, enough);
  try {
    await new Promise((resolve, reject) => {
      server.on('close', resolve);
      server.on('error', reject);
      server.on('listening', () => {
        primary?.say('up');
        // One connection could not be accepted; the others go on.
        server.off('error', reject).on('error', (error) => errors.write(formatFailure(name, error)));
      });
    });
  } finally {
    clearTimeout(idle);
    clearTimeout(cut);
  }
  return status;
}
