// Makes environ of a request of node:http: the variables of RFC 3875 §4.1, and what PEP 3333 adds.

import type { IncomingMessage } from 'node:http';
import type { Extras } from '../environ/environ.ts';
import { addHeader, parseRequestTarget } from '../environ/http.ts';
import { normalizePath } from '../environ/path.ts';
import { guessScheme } from '../environ/uri.ts';
import { wrapFile } from '../gateway/environ.ts';
import { Input } from '../gateway/input.ts';
import { NO_BODY } from '../gateway/source.ts';
import type { Spool } from '../gateway/spool.ts';
import type { Environ, ErrorStream } from '../types.ts';
import type { Connection } from './connection.ts';

/** A request below a router of Express. */
type Mounted = IncomingMessage & { baseUrl?: string; originalUrl?: string };

/** Returns the environ of `request`, whose body is `body`. `extras` are the deployer's variables, and win over the request's. */
export function environOf(
  request: IncomingMessage,
  connection: Connection,
  body: Spool | undefined,
  errors: ErrorStream,
  extras: Extras,
): Environ {
  const { url = '/', method = 'GET', rawHeaders } = request;
  const { path, query, authority } = parseRequestTarget(url);
  const { baseUrl = '', originalUrl = url } = request as Mounted;
  const environ: Environ = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'run-with-cgi',
    SERVER_NAME: connection.serverName,
    SERVER_PORT: connection.serverPort,
    SERVER_PROTOCOL: `HTTP/${request.httpVersion}`,
    REMOTE_ADDR: connection.remoteAddress,
    REMOTE_PORT: connection.remotePort,
    REQUEST_METHOD: method,
    REQUEST_URI: originalUrl,
    SCRIPT_NAME: baseUrl === '' ? '' : parseRequestTarget(baseUrl).path,
    PATH_INFO: path,
    QUERY_STRING: query,
    'wsgi.version': [1, 0],
    'wsgi.url_scheme': connection.isSecure ? 'https' : guessScheme(extras),
    'wsgi.input': body ? new Input(body, body.length) : new Input(NO_BODY, 0),
    'wsgi.errors': errors,
    // There is one thread. But while one request waits others run and change shared variables, which is what this warns of.
    'wsgi.multithread': true,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'wsgi.file_wrapper': wrapFile,
  };
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) addHeader(environ, rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '');
  if (authority !== undefined) environ.HTTP_HOST = authority;
  if (body) environ.CONTENT_LENGTH = String(body.length);
  if (connection.isSecure) environ.HTTPS = 'on';
  Object.assign(environ, extras);
  if (extras.SCRIPT_NAME !== undefined || extras.PATH_INFO !== undefined) normalizePath(environ);
  // The prototype is removed last: V8 makes a hash table of an object without one, and that takes five times as long to fill with
  // known names.
  return Object.setPrototypeOf(environ, null);
}

/**
 * Returns how many bytes of body the request announces: 0 for a chunked body, whose length is unknown; undefined for none.
 * RFC 9112 §6.3
 */
export function announcedLength({ rawHeaders }: IncomingMessage): number | undefined {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const { length } = rawHeaders[at] ?? '';
    if (length !== 14 && length !== 17) continue;
    const name = rawHeaders[at]?.toLowerCase();
    if (name === 'content-length') return Number(rawHeaders[at + 1]);
    if (name === 'transfer-encoding') return 0;
  }
  return undefined;
}
