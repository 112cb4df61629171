// Errors that nobody catches, in a process that belongs to the gateway and runs many requests. No one can tell which request
// such an error belongs to, or what it has left undone. So the process answers the requests that run, and ends.

import { formatFailure } from '../gateway/format-failure.ts';
import type { ErrorStream } from '../types.ts';

/** Milliseconds that running requests have to finish, unless an option says otherwise. */
export const DRAIN = 30_000;

/** How many errors are logged. A timer that fails again and again could fill the disk. */
const MAX_LOGGED = 10;

export interface UncaughtOptions {
  /** The name of the gateway in the log. */
  name: string;
  errors: ErrorStream;
  /** Milliseconds after the first error, after which the process ends even if requests still run. */
  deadline: number;
  /** Called once: takes no more requests, and ends the process when those that run are answered. */
  leave(): void;
}

/**
 * From now on calls `leave` where Node would end the process because of an error. An application that handles
 * "uncaughtException" or "unhandledRejection" itself comes first.
 */
export function onUncaught({ name, errors, deadline, leave }: UncaughtOptions): void {
  let count = 0;
  let end = 0;
  const onError = (error: unknown, origin: string) => {
    count++;
    if (count === 1) {
      end = Date.now() + deadline;
      // All lines leave in one write, because other processes write to the same log.
      errors.write(
        `${name}: [error-uncaught] Nobody has caught an error (${origin}); this process takes no more requests, and ends when those that it has are answered\n${formatFailure(name, error)}`,
      );
    } else if (count <= MAX_LOGGED) errors.write(formatFailure(name, error));
    else if (count === MAX_LOGGED + 1) errors.write(`${name}: further errors of this process are not logged\n`);
    if (count === 1) leave();
    // A timer would never run while one error follows another without a turn of the event loop.
    else if (Date.now() > end) process.exit(1);
  };
  // The monitor runs before Node looks for handlers, and does not count as one. Applications look whether there is another.
  process.on('uncaughtExceptionMonitor', () => {
    if (process.listenerCount('uncaughtException') === 0) process.once('uncaughtException', onError);
  });
}
