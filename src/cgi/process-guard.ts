// Guards the process of a CGI script. Signals, exit(), uncaught errors and an event loop with nothing left to do may end the
// process before its request is over: the guard then ends the exchange. Open handles must not keep the process alive after that.

import { ApplicationError, RequestError } from '../errors.ts';
import type { Exchange, Report } from '../gateway/exchange.ts';
import type { Input } from '../gateway/input.ts';

/** Milliseconds for which the process may work on after the response. Apache and h2o send SIGKILL three seconds after SIGTERM. */
const GRACE = 2_500;

/** The signals that ask a process to end, with their numbers: the exit status is 128 and the number. */
export const ENDING_SIGNALS = [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const;

/** What `runWithCgi` tells the guard of the process. */
export interface ProcessGuard {
  /**
   * Makes a signal that asks the process to end run the application's `close()` first. When the response is out, the signal is
   * ignored until `close()` is done: lighttpd sends SIGTERM as soon as Content-Length is satisfied. Must not be called before
   * there may be something to close, because then no signal could end an application that never waits.
   */
  watchSignals(): void;
  /** Gives the process `GRACE` milliseconds to finish what it does after the response. */
  limitGrace(): void;
  /** Ends the process, whatever handles are open. */
  exit(): void;
}

/** Ends `exchange`, which is about to start, in whatever way the process comes to its end. */
export function guardProcess(
  exchange: Pick<Exchange, 'interrupt' | 'hasResponded' | 'hasFailed'>,
  input: Pick<Input, 'reading'>,
  report: Report,
): ProcessGuard {
  process.on('uncaughtException', (error) => {
    if (exchange.interrupt(error)) return;
    process.exitCode = 1;
    report(error);
  });
  process.on('beforeExit', () => {
    exchange.interrupt(
      new ApplicationError('no-response', 'The application waits for something that cannot happen: the event loop has nothing left to do'),
    );
  });
  process.on('exit', () => {
    if (!exchange.hasResponded) {
      exchange.interrupt(new ApplicationError('exited-early', 'process.exit() was called before the response was complete'));
      process.exitCode = 1;
    }
    process.exitCode ??= exchange.hasFailed ? 1 : 0;
    // exit() would wait for the thread that reads from the client.
    if (input.reading) process.kill(process.pid, 'SIGKILL');
  });

  let isWatching = false;
  const guard: ProcessGuard = {
    watchSignals() {
      if (isWatching) return;
      isWatching = true;
      for (const [signal, number] of ENDING_SIGNALS) {
        process.on(signal, () => {
          if (!exchange.interrupt(new RequestError('terminated', `The script was ended by ${signal}`, 500))) return;
          process.exitCode = 128 + number;
        });
      }
    },
    limitGrace() {
      setTimeout(guard.exit, GRACE).unref();
    },
    exit() {
      process.exit();
    },
  };
  return guard;
}
