// The URLs that environ stands for, put together again: PEP 3333 "URL Reconstruction".

/** The part of environ that a URL is made of. */
export type UriVariables = Readonly<Record<string, unknown>>;

/**
 * Returns "https" when the server says that the request came in over TLS, and "http" otherwise: HTTPS is
 * "on" under Apache, "1" elsewhere, and "off" under civetweb; newer servers say REQUEST_SCHEME. PEP 3333 #15
 */
export function guessScheme(environ: UriVariables): 'http' | 'https' {
  const { HTTPS: https } = environ;
  const isSecure = environ.REQUEST_SCHEME === 'https' || (!!https && ['on', '1', 'yes', 'true'].includes(String(https).toLowerCase()));
  return isSecure ? 'https' : 'http';
}

/** Returns the URL of the application itself: scheme, host and SCRIPT_NAME, or "/" where that is empty. ASCII. */
export function applicationUri(environ: UriVariables): string {
  return origin(environ) + (quote(environ.SCRIPT_NAME) || '/');
}

/**
 * Returns the URL of the request, with the query unless `includeQuery` is false. ASCII. It is made of
 * SCRIPT_NAME and PATH_INFO, which have been decoded: "%2F" in the client's URL is "/" here.
 */
export function requestUri(environ: UriVariables, includeQuery = true): string {
  const path = quote(environ.SCRIPT_NAME) + quote(environ.PATH_INFO) || '/';
  const query = includeQuery && environ.QUERY_STRING ? `?${environ.QUERY_STRING}` : '';
  return origin(environ) + path + query;
}

function origin(environ: UriVariables): string {
  const scheme = environ['wsgi.url_scheme'];
  if (environ.HTTP_HOST) return `${scheme}://${environ.HTTP_HOST}`;
  const port = String(environ.SERVER_PORT);
  return `${scheme}://${environ.SERVER_NAME}${port === (scheme === 'https' ? '443' : '80') ? '' : `:${port}`}`;
}

/**
 * Returns SCRIPT_NAME and PATH_INFO as the client has written them, "%2F" and all, where the server tells in
 * REQUEST_URI and nobody has changed the path since; otherwise they are encoded anew.
 */
export function rawPath(environ: UriVariables): { scriptName: string; pathInfo: string } {
  const scriptName = String(environ.SCRIPT_NAME ?? '');
  const path = scriptName + String(environ.PATH_INFO ?? '');
  const raw = String(environ.REQUEST_URI ?? '').replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*|[?#].*$/gis, '');
  if (raw !== '' && unquote(raw) === path) {
    const end = rawLength(raw, scriptName.length);
    return { scriptName: raw.slice(0, end), pathInfo: raw.slice(end) };
  }
  return { scriptName: quote(scriptName), pathInfo: quote(environ.PATH_INFO) };
}

/** Returns a `Location` as RFC 3875 has it: a path or a whole URL. A relative one is resolved against the request's URL; one that cannot be is left as it is. */
export function resolveLocation(location: string, environ: UriVariables): string {
  if (location.startsWith('/') || /^[a-z][a-z0-9+.-]*:/i.test(location)) return location;
  const base = requestUri(environ, false);
  return URL.canParse(location, base) ? new URL(location, base).href : location;
}

/** Undoes "%XX", byte by byte; what is no such triple stays as it is. */
export function unquote(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_triple, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** How many characters of `raw` stand for `bytes` decoded ones. */
function rawLength(raw: string, bytes: number): number {
  let at = 0;
  for (let count = 0; count < bytes; count++) at += /^%[0-9a-f]{2}/i.test(raw.slice(at, at + 3)) ? 3 : 1;
  return at;
}

/** Encodes each byte that a path cannot hold as it is: RFC 3986 §3.3. */
function quote(path: unknown): string {
  return String(path ?? '').replace(/[^A-Za-z0-9._~!$&'()*+,;=:@/-]/g, (byte) => {
    return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
