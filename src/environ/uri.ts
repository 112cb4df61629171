// Puts the URLs of a request together again from environ: PEP 3333 "URL Reconstruction".

import { percentEncode, quotePath } from './path.ts';

/** The part of environ that a URL is made of. */
export type UriVariables = Readonly<Record<string, unknown>>;

/**
 * Returns "https" if the server says that the request came over TLS, "http" otherwise. HTTPS is "on" under Apache, "1" under
 * other servers, and "off" under civetweb without TLS. Newer servers set REQUEST_SCHEME. PEP 3333 #15
 */
export function guessScheme(environ: UriVariables): 'http' | 'https' {
  const { HTTPS: https } = environ;
  const isSecure = environ.REQUEST_SCHEME === 'https' || (!!https && ['on', '1', 'yes', 'true'].includes(String(https).toLowerCase()));
  return isSecure ? 'https' : 'http';
}

/** Returns the URL of the application itself, in ASCII: scheme, host and SCRIPT_NAME, or "/" if SCRIPT_NAME is empty. */
export function applicationUri(environ: UriVariables): string {
  return origin(environ) + (quotePath(environ.SCRIPT_NAME) || '/');
}

/**
 * Returns the URL of the request, in ASCII, with the query unless `includeQuery` is false. The path is that of SCRIPT_NAME and
 * PATH_INFO, which the server has decoded: "%2F" in the client's URL is "/" here.
 */
export function requestUri(environ: UriVariables, includeQuery = true): string {
  const path = quotePath(environ.SCRIPT_NAME) + quotePath(environ.PATH_INFO) || '/';
  return origin(environ) + path + (includeQuery ? rawQuery(environ) : '');
}

function origin(environ: UriVariables): string {
  const scheme = environ['wsgi.url_scheme'];
  if (environ.HTTP_HOST) return `${scheme}://${percentEncode(String(environ.HTTP_HOST), /[^!-~]/g)}`;
  const port = String(environ.SERVER_PORT);
  return `${scheme}://${environ.SERVER_NAME}${port === (scheme === 'https' ? '443' : '80') ? '' : `:${port}`}`;
}

/**
 * Returns "?" and QUERY_STRING; "" if that is empty. Encodes bytes beyond ASCII, which a URL parser would decode as UTF-8, and
 * "#", which would begin a fragment.
 */
export function rawQuery({ QUERY_STRING: query }: UriVariables): string {
  return query ? `?${percentEncode(String(query), /[^!-~]|#/g)}` : '';
}
