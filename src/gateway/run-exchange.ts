// Runs an exchange for a server of many requests: ends it after a time limit, and closes its request body afterwards.

import { startTimer } from '../timer.ts';
import type { Exchange } from './exchange.ts';
import { timedOut } from './interruptions.ts';
import type { Spool } from './spool.ts';

/**
 * Starts `exchange`, interrupts it after `timeout` milliseconds, and closes `body` when it is over. Returns a promise for that,
 * which never rejects; undefined when the exchange is over already.
 */
export function runExchange(exchange: Exchange, body: Spool | undefined, timeout: number): Promise<void> | undefined {
  const finished = exchange.start();
  if (exchange.isOver) {
    body?.close();
    return undefined;
  }
  const timer = limitTime(exchange, timeout);
  return finished.then(() => {
    clearTimeout(timer);
    body?.close();
  });
}

/** Interrupts `exchange` after `timeout` milliseconds. Returns the timer, if there is one: see `startTimer`. */
export function limitTime(exchange: Exchange, timeout: number): NodeJS.Timeout | undefined {
  return startTimer(timeout, () => exchange.interrupt(timedOut(timeout)));
}
