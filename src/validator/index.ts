// run-with-cgi/validator: a middleware that checks that the server and the application keep the contract. Each check stands under
// its rule, in lines that begin with ///. These lines together are SPEC.md.

import { toFunction } from '../gateway/application.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { show } from '../show.ts';
import type { Application, ApplicationFunction, Body, Environ, StartResponse } from '../types.ts';
import { checkBody } from './body.ts';
import { type ContractError, enforcer } from './contract-error.ts';
import { checkEnviron } from './environ.ts';
import { checkedErrors } from './error-stream.ts';
import { checkedInput } from './input.ts';
import { ResponseChecker } from './response.ts';

export { ContractError, type Side } from './contract-error.ts';

export interface ValidatorOptions {
  /** Is called with each broken rule, and the request goes on. Default: the error is thrown where the rule is broken. */
  report?: (violation: ContractError) => void;
}

/// # WSGI for JavaScript
///
/// This is PEP 3333, the Python Web Server Gateway Interface, for JavaScript: what a server or gateway gives to a web
/// application, and what the application gives back. Differences from the PEP are marked Δ. Each rule has a name. The
/// validator's error has that name as its `code` when the rule is broken.
///
/// A *server* calls an application. *Middleware* is both server and application: it keeps the rules of a server towards the
/// application inside it, and the rules of an application towards its caller.
///
/// A *byte string* is a string in which each character stands for one byte, U+0000 to U+00FF (ISO-8859-1). A *block* is a
/// `Uint8Array`, or a string that is sent as UTF-8 (Δ: PEP 3333 has bytes only). What is synchronous in the PEP may be a
/// promise where this text says so (Δ).

/**
 * Returns `application` with checks of everything that passes between it and the server: environ, the streams, the status, the
 * headers and the body, and the order in which they are used. It changes nothing else. A broken rule throws a `ContractError`
 * in the side that has broken it, or goes to `options.report`. A body that is never closed can only be reported to
 * `wsgi.errors`, when its memory is collected.
 */
export function validator(application: Application, options: ValidatorOptions = {}): ApplicationFunction {
  const enforce = enforcer(
    options.report ??
      ((violation) => {
        throw violation;
      }),
  );
  const callable = toFunction(application);

  return (...args: unknown[]) => {
    /// ## The call
    ///
    /// An application has one of three forms: a function, called as `application(environ, startResponse)`; a class, called as
    /// `new Application(environ, startResponse)`, whose instances are the body; or an object with a method `call(environ,
    /// startResponse)` (Δ: Python's callable instance).
    ///
    /// - **`call-arguments`** The server calls the application with these two arguments, by position, and no others.
    enforce.server(
      'call-arguments',
      args.length === 2,
      () => `An application is called with environ and startResponse, got ${args.length} arguments`,
    );
    const [environ, startResponse] = args as [Environ, StartResponse];
    /// - **`call-start-response`** `startResponse` is a function.
    enforce.server(
      'call-start-response',
      typeof startResponse === 'function',
      () => `startResponse must be a function, got ${show(startResponse)}`,
    );

    checkEnviron(environ, enforce);
    const fileWrappers = new WeakSet<object>();
    const response = new ResponseChecker(startResponse, environ.REQUEST_METHOD, enforce);
    environ['wsgi.input'] = checkedInput(environ['wsgi.input'], response, enforce);
    environ['wsgi.errors'] = checkedErrors(environ['wsgi.errors'], enforce);
    const { 'wsgi.file_wrapper': wrapFile } = environ;
    if (typeof wrapFile === 'function') {
      environ['wsgi.file_wrapper'] = (...file) => {
        const wrapper = wrapFile(...file);
        fileWrappers.add(wrapper);
        return wrapper;
      };
    }

    const finish = (body: Body) =>
      // The server recognizes its own file wrapper only if it is not wrapped.
      typeof body === 'object' && body !== null && fileWrappers.has(body)
        ? body
        : checkBody(body, response, environ['wsgi.errors'], enforce);
    const result = callable(environ, response.startResponse);
    return isPromiseLike(result) ? Promise.resolve(result).then(finish) : finish(result);
  };
}
