// The variables of environ, out of those that a server gives: adds what PEP 3333 requires, removes what a client could abuse, and
// evens out what servers do differently.

import { normalizePath } from './path.ts';
import { guessScheme } from './uri.ts';

/** Variables and other values that a deployer adds to environ. */
export type Extras = Readonly<Record<string, unknown>>;

/** Names in environ that only a gateway may set. A variable of the server with such a name is removed. */
const RESERVED_PREFIXES = ['wsgi.', 'cgi.', 'run-with-cgi.'];
/** The character code of "Z". */
const LAST_UPPER_CASE = 90;

/**
 * Makes the server's variables fit for environ, in place, and returns them: removes those that a client could forge, and adds
 * those that PEP 3333 #4 to #7 require. `extras` are the deployer's own and win.
 */
export function completeVariables(environ: Record<string, unknown>, extras: Extras = {}): Record<string, unknown> {
  // A "Proxy:" header becomes HTTP_PROXY, which HTTP clients obey (httpoxy). Most servers pass it on.
  delete environ.HTTP_PROXY;
  // busybox, nginx and others set these beside CONTENT_TYPE and CONTENT_LENGTH, not always to the same value.
  delete environ.HTTP_CONTENT_TYPE;
  delete environ.HTTP_CONTENT_LENGTH;

  for (const name in environ) {
    // Most names are in upper case, so that one comparison is enough for them.
    if (name.charCodeAt(0) > LAST_UPPER_CASE && RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix))) delete environ[name];
  }
  const { REQUEST_SCHEME: requestScheme } = environ;
  if (requestScheme !== 'http' && requestScheme !== 'https') delete environ.REQUEST_SCHEME;

  // Apache hides Authorization from scripts. The usual RewriteRule passes it on under one of these names.
  const authorization = environ.REDIRECT_HTTP_AUTHORIZATION || environ.REDIRECT_REDIRECT_HTTP_AUTHORIZATION;
  if (authorization) environ.HTTP_AUTHORIZATION ||= authorization;

  // Apache runs an ErrorDocument as a GET without a body, but keeps the length and coding of the request that failed.
  const original = environ.REDIRECT_REQUEST_METHOD;
  if (environ.REQUEST_METHOD === 'GET' && original && original !== 'GET') {
    delete environ.CONTENT_LENGTH;
    delete environ.HTTP_TRANSFER_ENCODING;
  }

  Object.assign(environ, extras);

  // RFC 3875 #2: an empty variable counts as absent.
  if (!environ.CONTENT_TYPE) delete environ.CONTENT_TYPE;
  if (!environ.CONTENT_LENGTH) delete environ.CONTENT_LENGTH;

  environ.REQUEST_METHOD ||= 'GET';
  environ.SERVER_PROTOCOL ||= 'HTTP/1.0';
  environ.QUERY_STRING ??= '';
  normalizePath(environ);

  // busybox sets neither; lighttpd sets an empty SERVER_NAME for a request without Host.
  const scheme = guessScheme(environ);
  if (!environ.SERVER_NAME || !environ.SERVER_PORT) {
    const [host, port] = splitHost(String(environ.HTTP_HOST ?? ''));
    environ.SERVER_NAME ||= host || 'localhost';
    environ.SERVER_PORT ||= port || (scheme === 'https' ? '443' : '80');
  }
  environ['wsgi.url_scheme'] ??= scheme;
  return environ;
}

function splitHost(host: string): [name: string, port: string] {
  const colon = host.lastIndexOf(':');
  // Colons within brackets belong to an IPv6 address.
  return colon > host.lastIndexOf(']') ? [host.slice(0, colon), host.slice(colon + 1)] : [host, ''];
}
