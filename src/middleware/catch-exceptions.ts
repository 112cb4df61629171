// The last line before the gateway: an error of the application becomes a page, in development one that
// says what went wrong.

import { ApplicationError, RequestError } from '../errors.ts';
import { toFunction } from '../gateway/application.ts';
import { FileWrapper } from '../gateway/file-wrapper.ts';
import { isAborted } from '../gateway/interruptions.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { BARE_STATUS } from '../gateway/response.ts';
import type { Application, ApplicationFunction, Block, Body } from '../types.ts';
import { isBlocks, recovering } from './passing.ts';

export interface CatchExceptionsOptions {
  /** Whether the client is shown the stack. Default: whether NODE_ENV is "development". */
  development?: boolean;
}

/**
 * Returns `application` with a page in the place of each error that it throws, from the call or from its
 * body, as long as nothing of the response has left. The status is 500, or the one that the error itself
 * calls for, as 413. The stack goes to `wsgi.errors`. Once the head has left, the error goes on to the
 * gateway, which logs it and lets the response end short. PEP 3333 #46, #75, #76
 */
export function catchExceptions(application: Application, options: CatchExceptionsOptions = {}): ApplicationFunction {
  const { development = process.env.NODE_ENV === 'development' } = options;
  const callable = toFunction(application);

  return (environ, startResponse) => {
    const recover = (error: unknown): Block => {
      if (isAborted(error)) throw error;
      // This throws the error if it is too late for another response.
      startResponse(statusOf(error), [['Content-Type', 'text/plain; charset=utf-8']], error ?? new Error(String(error)));
      const stack = `${process.getBuiltinModule('node:util').inspect(error)}\n`;
      environ['wsgi.errors'].write(stack);
      return development ? stack : `${statusOf(error)}\n`;
    };
    // An array cannot fail, and the gateway trusts its length; a file it sends in its own way.
    const isSafe = (body: Body) => !isBlocks(body) || Array.isArray(body) || body instanceof FileWrapper;
    const guard = (body: Body): Body => (isBlocks(body) && !isSafe(body) ? recovering(body, recover) : body);
    try {
      const result = callable(environ, startResponse);
      return isPromiseLike(result) ? result.then(guard, recover) : guard(result);
    } catch (error) {
      return recover(error);
    }
  };
}

function statusOf(error: unknown): string {
  return BARE_STATUS[error instanceof ApplicationError || error instanceof RequestError ? error.statusHint : 500];
}
