// The application that runs in the place of the real one when a gateway has to refuse a request.

import type { ApplicationFunction } from '../types.ts';

/** Returns an application that throws `error`, so that the request is answered and logged as any other failure. */
export function refusing(error: unknown): ApplicationFunction {
  return () => {
    throw error;
  };
}
