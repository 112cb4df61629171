// catchExceptions(): answers an error of the application with a page, in development with one that shows the stack.

import { toFunction } from '../gateway/application.ts';
import { FileWrapper } from '../gateway/file-wrapper.ts';
import { isAborted } from '../gateway/interruptions.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { failureStatus } from '../gateway/status.ts';
import type { Application, ApplicationFunction, Block, Body } from '../types.ts';
import { isBlocks, withRecovery } from './body.ts';

export interface CatchExceptionsOptions {
  /** Whether the page shows the stack. Default: whether NODE_ENV is "development". */
  development?: boolean;
}

/**
 * Returns `application` with a page in place of an error that it throws, from the call or from its body. The status is 500, or
 * that of the error, such as 413. The stack goes to `wsgi.errors`. After the head has been sent, the error goes on to the
 * gateway instead, which logs it and ends the response short. PEP 3333 #46, #75, #76
 */
export function catchExceptions(application: Application, options: CatchExceptionsOptions = {}): ApplicationFunction {
  const { development = process.env.NODE_ENV === 'development' } = options;
  const callable = toFunction(application);

  return (environ, startResponse) => {
    const recover = (error: unknown): Block => {
      if (isAborted(error)) throw error;
      // Throws the error if the head has been sent.
      startResponse(failureStatus(error), [['Content-Type', 'text/plain; charset=utf-8']], error ?? new Error(String(error)));
      const stack = `${process.getBuiltinModule('node:util').inspect(error)}\n`;
      environ['wsgi.errors'].write(stack);
      return development ? stack : `${failureStatus(error)}\n`;
    };
    // An array cannot fail, and the gateway must see its length. The gateway must see a file wrapper, too, to send the file fast.
    const passesUnchanged = (body: Body) => !isBlocks(body) || Array.isArray(body) || body instanceof FileWrapper;
    const guard = (body: Body): Body => (isBlocks(body) && !passesUnchanged(body) ? withRecovery(body, recover) : body);
    try {
      const result = callable(environ, startResponse);
      return isPromiseLike(result) ? Promise.resolve(result).then(guard, recover) : guard(result);
    } catch (error) {
      return recover(error);
    }
  };
}
