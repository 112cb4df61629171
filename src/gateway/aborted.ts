// The two ends of a request that are no failures: the client has left, or somebody wants the process to end.

import { RequestError } from '../errors.ts';

export function clientGone(): RequestError {
  return new RequestError('client-gone', 'The client left', 500);
}

/** Whether nobody waits for an answer any more, and there is nothing to log. */
export function isAborted(error: unknown): boolean {
  return error instanceof RequestError && (error.code === 'client-gone' || error.code === 'terminated');
}
