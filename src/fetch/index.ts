// run-with-cgi/fetch: applications of the Fetch kind (Hono, h3, Elysia, export default { fetch }) as applications
// of PEP 3333, and the other way round.

import type { Application, ApplicationFunction } from '../types.ts';
import { type FetchHandler, type FromFetchOptions, fromFetchOn } from './from-fetch.ts';
import { native } from './platform.ts';
import { type ToFetchOptions, toFetchOn } from './to-fetch.ts';

export type { FetchContext, FetchFunction, FetchHandler, FromFetchOptions } from './from-fetch.ts';
export type { ToFetchOptions } from './to-fetch.ts';

/**
 * Returns `handler` as an application. It is called as `fetch(request, environ, context)`; `context`, and the
 * request itself, have `waitUntil`. The URL's path is what follows SCRIPT_NAME, unless `options.wholePath` is set; it
 * is as the client wrote it where the server tells. Bodies are streamed both ways, no faster than the other side takes
 * them. When the client leaves, or the process has to end, `request.signal` is aborted and the response body
 * cancelled. Headers that are the web server's business (`Connection`, `Transfer-Encoding`) are dropped.
 *
 * Throws an `ApplicationError` when `handler` is neither a function nor has a method `fetch`.
 */
export function fromFetch(handler: FetchHandler, options: FromFetchOptions = {}): ApplicationFunction {
  return fromFetchOn(native, handler, options);
}

/**
 * Returns `application` as a function from a `Request` to a promise of a `Response`. Request bodies arrive whole
 * before the application runs, in memory up to 1 MiB, then in a temporary file; blocks of the response are asked
 * for as they are read. Throws an `ApplicationError` when `application` is none.
 */
export function toFetch(application: Application, options: ToFetchOptions = {}): (request: Request) => Promise<Response> {
  return toFetchOn(native, application, options);
}
