// From the variables a server gives to the environ of PEP 3333: every required one present, those that
// a client could abuse gone, and what servers do differently made alike.

import type { Environ, ErrorStream, FileWrapperFunction, InputStream } from '../types.ts';
import { normalizePath } from './path.ts';
import { guessScheme } from './uri.ts';
import type { Variables } from './variables.ts';

/** Variables, and anything else a deployer wants the application to find in environ. */
export type Extras = Readonly<Record<string, unknown>>;

/** What the gateway itself adds: how it calls the application, and its streams. */
export interface GatewayValues {
  input: InputStream;
  errors: ErrorStream;
  fileWrapper: FileWrapperFunction;
  multithread: boolean;
  multiprocess: boolean;
  runOnce: boolean;
}

/**
 * Returns the request's variables without those that are not the server's word, and with those that
 * PEP 3333 #4 to #7 require. `extras`, the deployer's own, come last and win.
 */
export function requestVariables(given: Readonly<Variables>, extras: Extras = {}): Record<string, unknown> {
  return completeVariables({ ...given }, extras);
}

/** What environ holds under these names is the gateway's word, and nobody's who can set a variable of the server. */
const OUR_NAMES = ['wsgi.', 'cgi.', 'run-with-cgi.'];
const UPPER_CASE = 90;

/** The same in place: `environ` holds the variables that the server has given, and is returned. */
export function completeVariables(environ: Record<string, unknown>, extras: Extras = {}): Record<string, unknown> {
  // A "Proxy:" header would become HTTP_PROXY, which HTTP clients obey (httpoxy). Most servers pass it on.
  delete environ.HTTP_PROXY;
  // busybox, nginx and others pass these beside the variables that count, not always with the same value.
  delete environ.HTTP_CONTENT_TYPE;
  delete environ.HTTP_CONTENT_LENGTH;

  for (const name in environ) {
    // In upper case as a rule; so one comparison is enough.
    if (name.charCodeAt(0) > UPPER_CASE && OUR_NAMES.some((prefix) => name.startsWith(prefix))) delete environ[name];
  }
  const { REQUEST_SCHEME: said } = environ;
  if (said !== 'http' && said !== 'https') delete environ.REQUEST_SCHEME;

  // Apache hides Authorization from scripts; the usual RewriteRule brings it back under these names.
  const authorization = environ.REDIRECT_HTTP_AUTHORIZATION || environ.REDIRECT_REDIRECT_HTTP_AUTHORIZATION;
  if (authorization) environ.HTTP_AUTHORIZATION ||= authorization;

  // An Apache ErrorDocument runs as a GET that still carries the length of the request it stands in for, but no body.
  const original = environ.REDIRECT_REQUEST_METHOD;
  if (environ.REQUEST_METHOD === 'GET' && original && original !== 'GET') {
    delete environ.CONTENT_LENGTH;
    delete environ.HTTP_TRANSFER_ENCODING;
  }

  Object.assign(environ, extras);

  // RFC 3875 #2: an empty variable is an absent one.
  if (!environ.CONTENT_TYPE) delete environ.CONTENT_TYPE;
  if (!environ.CONTENT_LENGTH) delete environ.CONTENT_LENGTH;

  environ.REQUEST_METHOD ||= 'GET';
  environ.SERVER_PROTOCOL ||= 'HTTP/1.0';
  environ.QUERY_STRING ??= '';
  normalizePath(environ);

  // busybox sets neither, lighttpd an empty name when there is no Host.
  const scheme = guessScheme(environ);
  if (!environ.SERVER_NAME || !environ.SERVER_PORT) {
    const [host, port] = splitHost(String(environ.HTTP_HOST ?? ''));
    environ.SERVER_NAME ||= host || 'localhost';
    environ.SERVER_PORT ||= port || (scheme === 'https' ? '443' : '80');
  }
  environ['wsgi.url_scheme'] ??= scheme;
  return environ;
}

/** Returns `variables`, as `requestVariables` made them, as a whole environ. PEP 3333 #14 to #20. */
export function toEnviron(variables: Record<string, unknown>, gateway: GatewayValues): Environ {
  const values = {
    'wsgi.version': [1, 0],
    'wsgi.input': gateway.input,
    'wsgi.errors': gateway.errors,
    'wsgi.multithread': gateway.multithread,
    'wsgi.multiprocess': gateway.multiprocess,
    'wsgi.run_once': gateway.runOnce,
    'wsgi.input_terminated': true,
    'wsgi.file_wrapper': gateway.fileWrapper,
  };
  // Last: an object that begins without a prototype is a dictionary to V8, and takes far longer to fill.
  return Object.setPrototypeOf(Object.assign(variables, values), null);
}

function splitHost(host: string): [name: string, port: string] {
  const colon = host.lastIndexOf(':');
  // The colons inside of brackets are an IPv6 address.
  return colon > host.lastIndexOf(']') ? [host.slice(0, colon), host.slice(colon + 1)] : [host, ''];
}
