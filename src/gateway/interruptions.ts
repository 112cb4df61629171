// The errors that end a request from outside, by `Exchange.interrupt()`.

import { ApplicationError, RequestError } from '../errors.ts';

/** Returns the error for a client that has closed its connection. */
export function clientGone(): RequestError {
  return new RequestError('client-gone', 'The client left', 500);
}

/** Returns the error for an application that has waited for longer than `milliseconds`, the option `timeout`. */
export function timedOut(milliseconds: number): ApplicationError {
  return new ApplicationError('timeout', `The application took longer than its timeout of ${milliseconds} ms`, 504);
}

/** Whether `error` says that nobody waits for the response any more. Then there is nothing to answer and nothing to log. */
export function isAborted(error: unknown): boolean {
  return error instanceof RequestError && (error.code === 'client-gone' || error.code === 'terminated');
}
