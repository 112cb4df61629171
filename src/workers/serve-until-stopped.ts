// The life of a resident process: serves until a signal, a limit or an uncaught error ends it, then finishes what runs. It is
// the only process of its gateway, or one of a supervisor's workers.

import type { Server } from 'node:net';
import { toFunction } from '../gateway/application.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { ResidentServer } from '../resident/server.ts';
import { LONGEST_DELAY, startTimer } from '../timer.ts';
import type { Application, ApplicationFunction } from '../types.ts';
import { DRAIN, onUncaught } from './uncaught.ts';
import { connectToSupervisor } from './worker-channel.ts';

export interface LifetimeOptions {
  /** The name of the gateway in the log. */
  name: string;
  /** Requests after which the process ends, and a supervisor replaces it. Default: no limit. */
  maxRequests?: number | undefined;
  /** Milliseconds without a request after which the process ends. Default: no limit. */
  idleExit?: number | undefined;
  /** Milliseconds for running requests when the process ends, on top of any grace. Then they are broken off. Default: 30,000. */
  drain?: number | undefined;
  /** Whether the process is one of several workers, and a supervisor decides when it ends. Default: false. */
  isWorker?: boolean | undefined;
}

/** How many times in a row a process must be found without a request, within the time of `idleExit`. */
const IDLE_LOOKS = 4;

/**
 * Serves `application` by the server that `open` returns, until SIGTERM, SIGINT or SIGUSR1 comes, a limit of the options is
 * reached, or an error is thrown that nobody catches. Then the server takes no more requests and answers those that run.
 *
 * Resolves to an exit status: 1 after an uncaught error, otherwise 0. Rejects when the server cannot listen.
 */
export async function serveUntilStopped(
  application: Application,
  open: (application: ApplicationFunction) => Server,
  options: LifetimeOptions,
): Promise<number> {
  const { name, maxRequests = Infinity, idleExit, drain = DRAIN, isWorker = false } = options;
  const callable = toFunction(application);
  const errors = errorStream(process.stderr);
  let count = 0;
  let isIdle = false;
  /** Whether a request has come since the last look at how busy this process is. */
  let hasRequest = false;
  const counted: ApplicationFunction = (environ, startResponse) => {
    hasRequest = true;
    if (isIdle) {
      isIdle = false;
      supervisor?.send('busy');
    }
    if (++count === maxRequests) stop();
    return callable(environ, startResponse);
  };
  const server = open(counted);
  const resident = server instanceof ResidentServer ? server : undefined;
  const grace = resident?.grace ?? 0;

  let breakOff: NodeJS.Timeout | undefined;
  const end = () => {
    server.close();
    breakOff ??= startTimer(grace + drain, () => resident?.closeAllConnections());
  };
  const leave = () => {
    resident?.closeAndHandOver((socket) => supervisor?.handOver(socket) ?? false);
    end();
  };
  const supervisor = isWorker
    ? connectToSupervisor({ end, leave, adopt: (connection) => resident?.adopt(connection) ?? false })
    : undefined;
  /** Ends a process of its own. A worker asks its supervisor, which knows whether to replace it or to end them all. */
  const stop = () => {
    count = 0;
    if (supervisor && process.connected) supervisor.send('replace');
    else end();
  };
  let idleLooks = 0;
  const countIdleLooks = () => {
    idleLooks = hasRequest || resident?.isBusy ? 0 : idleLooks + 1;
    hasRequest = false;
    if (idleLooks < IDLE_LOOKS || isIdle) return;
    isIdle = true;
    if (supervisor) supervisor.send('idle');
    else end();
  };
  const idleTimer = idleExit === undefined ? undefined : setInterval(countIdleLooks, Math.min(idleExit / IDLE_LOOKS, LONGEST_DELAY));

  let status = 0;
  onUncaught({
    name,
    errors,
    deadline: grace + drain,
    leave() {
      status = 1;
      supervisor?.send('broken');
      if (supervisor && process.connected) leave();
      else end();
    },
  });

  // Apache's mod_fcgid and others ask for a graceful end by SIGUSR1, at which Node would start its debugger.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) process.on(signal, stop);
  try {
    await new Promise((resolve, reject) => {
      server.on('close', resolve);
      server.on('error', reject);
      server.on('listening', () => {
        supervisor?.send('listening');
        // From now on an error means that one connection could not be accepted. The others go on.
        server.off('error', reject).on('error', (error) => errors.write(formatFailure(name, error)));
      });
    });
  } finally {
    clearInterval(idleTimer);
    clearTimeout(breakOff);
  }
  return status;
}
