// The URL of a Fetch request, made from environ.

import { rawPath } from '../environ/path.ts';
import { rawQuery } from '../environ/uri.ts';
import { RequestError } from '../errors.ts';
import type { Environ } from '../types.ts';

/**
 * Returns the URL of the request: scheme, Host, path and query. The path is what follows SCRIPT_NAME, or the whole path if
 * `wholePath` is true, as the client wrote it. Throws a `RequestError` for a Host header that is not a host.
 */
export function fetchUrl(environ: Environ, wholePath: boolean): string {
  const { scriptName, pathInfo } = rawPath(environ);
  const path = (wholePath ? scriptName : '') + pathInfo || '/';
  const host = environ.HTTP_HOST || `${environ.SERVER_NAME}:${environ.SERVER_PORT}`;
  const url = `${environ['wsgi.url_scheme']}://${host}${path}${rawQuery(environ)}`;
  // A Host with "@" or "/" in it would change the meaning of what follows it in the URL.
  if (/[/?#@\\\s]/.test(host) || !URL.canParse(url)) {
    throw new RequestError('host-malformed', `The Host header must be a name or an address, got ${JSON.stringify(host)}`, 400);
  }
  return new URL(url).href;
}
