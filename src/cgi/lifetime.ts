// What can end this process before its one request is done, and what may not keep it alive after that:
// signals, exit(), errors nobody caught, an event loop that runs dry, and handles left open.

import { ApplicationError, RequestError } from '../errors.ts';
import type { Exchange, Report } from '../gateway/exchange.ts';
import type { Input } from '../gateway/input.ts';

/** Apache and h2o send SIGKILL three seconds after SIGTERM. */
const GRACE = 2_500;

const SIGNALS = [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const;

export interface Lifetime {
  /**
   * From now on a signal that asks us to end lets close() run first, and once the response is out it is
   * held back until close() has: lighttpd sends SIGTERM the moment Content-Length is satisfied. Not to
   * be called before there may be something to close: an application that never waits could not be ended.
   */
  watchSignals(): void;
  /** The response is out: what is left to do may not take long. */
  hurry(): void;
  /** Ends the process, whatever handles are open. */
  leave(): void;
}

/** Sees to it that `exchange`, which is about to run, ends well whatever happens to the process. */
export function guardProcess(
  exchange: Pick<Exchange, 'interrupt' | 'responded' | 'failed'>,
  input: Pick<Input, 'reading'>,
  report: Report,
): Lifetime {
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
    if (!exchange.responded) {
      exchange.interrupt(new ApplicationError('exited-early', 'process.exit() was called before the response was complete'));
      process.exitCode = 1;
    }
    process.exitCode ??= exchange.failed ? 1 : 0;
    // exit() would wait for the thread that waits for the client.
    if (input.reading) process.kill(process.pid, 'SIGKILL');
  });

  let isWatching = false;
  const lifetime: Lifetime = {
    watchSignals() {
      if (isWatching) return;
      isWatching = true;
      for (const [signal, number] of SIGNALS) {
        process.on(signal, () => {
          if (!exchange.interrupt(new RequestError('terminated', `The script was ended by ${signal}`, 500))) return;
          process.exitCode = 128 + number;
        });
      }
    },
    hurry() {
      setTimeout(lifetime.leave, GRACE).unref();
    },
    leave() {
      process.exit();
    },
  };
  return lifetime;
}
