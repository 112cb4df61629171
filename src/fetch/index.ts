// run-with-cgi/fetch: Fetch handlers (Hono, h3, Elysia, export default { fetch }) as applications of PEP 3333, and the other way
// round.

import type { Application, ApplicationFunction } from '../types.ts';
import { type FetchHandler, type FromFetchOptions, fromFetchOn } from './from-fetch.ts';
import { native } from './platform.ts';
import { type ToFetchOptions, toFetchOn } from './to-fetch.ts';

export type { FetchContext, FetchFunction, FetchHandler, FromFetchOptions } from './from-fetch.ts';
export type { ToFetchOptions } from './to-fetch.ts';

/**
 * Returns `handler` as an application, which calls `fetch(request, environ, context)`. The request and `context` both have
 * `waitUntil`. The path of the URL is what follows SCRIPT_NAME, or the whole path with `options.wholePath`, as the client wrote
 * it. Bodies are streamed both ways, no faster than the other side takes them. When the client leaves, or the process must end,
 * `request.signal` is aborted and the response body cancelled. Hop-by-hop headers (`Connection`, `Transfer-Encoding`), which
 * only a web server may set, are dropped.
 *
 * Throws an `ApplicationError` if `handler` is neither a function nor has a method `fetch`.
 */
export function fromFetch(handler: FetchHandler, options: FromFetchOptions = {}): ApplicationFunction {
  return fromFetchOn(native, handler, options);
}

/**
 * Returns `application` as a function from a `Request` to a promise of a `Response`. The whole request body is read before the
 * application runs: into memory up to 1 MiB, then into a temporary file. The application is asked for a block of its response
 * when that is read. Throws an `ApplicationError` if `application` has none of the three forms.
 */
export function toFetch(application: Application, options: ToFetchOptions = {}): (request: Request) => Promise<Response> {
  return toFetchOn(native, application, options);
}
