// Errors that nobody catches, in a process that is this gateway's own and has many requests. Nobody can tell which of them an
// error belongs to, or what it has left behind: the requests that run are answered, and the process ends.

import { formatFailure } from '../gateway/format-failure.ts';
import type { ErrorStream } from '../types.ts';

/** Milliseconds for what runs, where nothing else is said. */
export const DRAIN = 30_000;

/** Errors that are said; a timer that fails could fill the disk. */
const SAID = 10;

export interface UncaughtOptions {
  /** As the log calls the gateway. */
  name: string;
  errors: ErrorStream;
  /** Milliseconds from the first one on, after which the process ends at once, whatever runs. */
  deadline: number;
  /** Is called once: takes no more requests, and ends the process when those that it has are answered. */
  leave(): void;
}

/** From now on `leave` is called, where Node would end the process. An application that handles such errors itself goes first. */
export function onUncaught({ name, errors, deadline, leave }: UncaughtOptions): void {
  let count = 0;
  let end = 0;
  const take = (error: unknown, origin: string) => {
    count++;
    if (count === 1) {
      end = Date.now() + deadline;
      // At once: other processes write to the same log.
      errors.write(
        `${name}: [error-uncaught] Nobody has caught an error (${origin}); this process takes no more requests, and ends when those that it has are answered\n${formatFailure(name, error)}`,
      );
    } else if (count <= SAID) errors.write(formatFailure(name, error));
    else if (count === SAID + 1) errors.write(`${name}: further errors of this process are not said\n`);
    if (count === 1) leave();
    // No timer comes any more where one error follows upon the other.
    else if (Date.now() > end) process.exit(1);
  };
  // It is asked first, and nobody takes it for a handler: those who add one look whether there is another.
  process.on('uncaughtExceptionMonitor', () => {
    if (process.listenerCount('uncaughtException') === 0) process.once('uncaughtException', take);
  });
}
