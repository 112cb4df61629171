// run-with-cgi/validator: a middleware that checks both sides, the server's and the application's. Each
// check stands under its rule; the rules, the lines that begin with ///, together are SPEC.md.

import { toFunction } from '../gateway/application.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { show } from '../show.ts';
import type { Application, ApplicationFunction, Body, Environ, StartResponse } from '../types.ts';
import { checkBody } from './body.ts';
import { checkEnviron } from './environ.ts';
import { checkedErrors } from './error-stream.ts';
import { checkedInput } from './input.ts';
import { Responding } from './response.ts';
import { type ContractError, judge } from './violation.ts';

export { ContractError, type Side } from './violation.ts';

export interface ValidatorOptions {
  /** Takes each violation, and the request goes on. Default: throw it where it happens. */
  report?: (violation: ContractError) => void;
}

/// # WSGI for JavaScript
///
/// This is PEP 3333, the Python Web Server Gateway Interface, for JavaScript: what a server or gateway gives to
/// a web application, and what the application gives back. Where it departs from the PEP it says so, marked Δ.
/// Each rule has a name, which is the `code` of the error that the validator raises when the rule is broken.
///
/// A *server* is whoever calls an application, an *application* whoever is called. *Middleware* is both: it
/// keeps the server's rules towards the application inside of it, and the application's towards its caller.
///
/// A *byte string* is a string in which each character stands for one byte, U+0000 to U+00FF (ISO-8859-1).
/// A *block* is a `Uint8Array`, or a string that is sent as UTF-8 (Δ: PEP 3333 has bytes only).
/// Whatever is called synchronous in the PEP may be a promise where this text says so (Δ).

/**
 * Returns `application` as an application that checks every call: environ, the streams, status, headers and
 * body, and in what order server and application use them. It changes nothing. A broken rule throws a
 * `ContractError` at the side that is to blame, or is handed to `report`; a body that is never closed can
 * only be reported to `wsgi.errors`, when it is collected.
 */
export function validator(application: Application, options: ValidatorOptions = {}): ApplicationFunction {
  const check = judge(
    options.report ??
      ((violation) => {
        throw violation;
      }),
  );
  const callable = toFunction(application);

  return (...args: unknown[]) => {
    /// ## The call
    ///
    /// An application is one of three things: a function, called as `application(environ, startResponse)`; a
    /// class, called as `new Application(environ, startResponse)`, whose instances are the body; or an object
    /// with a method `call(environ, startResponse)` (Δ: Python's callable instance).
    ///
    /// - **`call-arguments`** The server calls it with exactly these two arguments, by position.
    check.server(
      'call-arguments',
      args.length === 2,
      () => `An application is called with environ and startResponse, got ${args.length} arguments`,
    );
    const [environ, startResponse] = args as [Environ, StartResponse];
    /// - **`call-start-response`** The second is a function.
    check.server(
      'call-start-response',
      typeof startResponse === 'function',
      () => `startResponse must be a function, got ${show(startResponse)}`,
    );

    checkEnviron(environ, check);
    const fileWrappers = new WeakSet<object>();
    const responding = new Responding(startResponse, environ.REQUEST_METHOD, check);
    environ['wsgi.input'] = checkedInput(environ['wsgi.input'], responding, check);
    environ['wsgi.errors'] = checkedErrors(environ['wsgi.errors'], check);
    const { 'wsgi.file_wrapper': wrapFile } = environ;
    if (typeof wrapFile === 'function') {
      environ['wsgi.file_wrapper'] = (...file) => {
        const wrapper = wrapFile(...file);
        fileWrappers.add(wrapper);
        return wrapper;
      };
    }

    const finish = (body: Body) =>
      // The server may recognise its own file wrapper only as it was made.
      typeof body === 'object' && body !== null && fileWrappers.has(body)
        ? body
        : checkBody(body, responding, environ['wsgi.errors'], check);
    const result = callable(environ, responding.startResponse);
    return isPromiseLike(result) ? result.then(finish) : finish(result);
  };
}
