// The request of environ, as the Fetch standard has it.

import { rawPath } from '../environ/path.ts';
import { rawQuery } from '../environ/uri.ts';
import { RequestError } from '../errors.ts';
import type { Environ, Header } from '../types.ts';

/**
 * Returns the request's URL: scheme, Host, the path behind SCRIPT_NAME, or the whole of it, and the query. The path is as
 * the client wrote it where the server tells. Throws a `RequestError` for a Host that is none.
 */
export function urlOf(environ: Environ, wholePath: boolean): string {
  const { scriptName, pathInfo } = rawPath(environ);
  const path = (wholePath ? scriptName : '') + pathInfo || '/';
  const host = environ.HTTP_HOST || `${environ.SERVER_NAME}:${environ.SERVER_PORT}`;
  const url = `${environ['wsgi.url_scheme']}://${host}${path}${rawQuery(environ)}`;
  // No userinfo, path or the like may hide in Host, and change what follows it.
  if (/[/?#@\\\s]/.test(host) || !URL.canParse(url)) {
    throw new RequestError('host-malformed', `The Host header must be a name or an address, got ${JSON.stringify(host)}`, 400);
  }
  return new URL(url).href;
}

/** The request's headers, names in lower case. */
export function headersOf(environ: Environ): Header[] {
  const headers: Header[] = [];
  for (const [name, value] of Object.entries(environ)) {
    if (typeof value !== 'string') continue;
    if (name.startsWith('HTTP_')) headers.push([name.slice(5).toLowerCase().replaceAll('_', '-'), value]);
    else if ((name === 'CONTENT_TYPE' || name === 'CONTENT_LENGTH') && value !== '')
      headers.push([name.toLowerCase().replace('_', '-'), value]);
  }
  return headers;
}
