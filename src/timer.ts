// Times that a caller or a variable of the environment chooses: any number of milliseconds, Infinity too.

import { ApplicationError } from './errors.ts';
import { show } from './show.ts';

/** The longest delay of a timer of Node, in milliseconds, about 24.8 days. For a longer one Node fires at once. */
export const LONGEST_DELAY = 2 ** 31 - 1;

/** Calls `action` after `milliseconds`, or after `LONGEST_DELAY` if that is less. Starts no timer for Infinity. */
export function startTimer(milliseconds: number, action: () => void): NodeJS.Timeout | undefined {
  if (milliseconds === Infinity) return undefined;
  return setTimeout(action, Math.min(milliseconds, LONGEST_DELAY));
}

/** Returns the value of a variable, in seconds, as milliseconds. Throws an `ApplicationError` if it is not a number. */
export function secondsOf(variable: string, text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  throw new ApplicationError('variable-malformed', `${variable} must be a number of seconds, got ${show(text)}; set it to 3, for instance`);
}
