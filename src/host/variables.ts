// The environment of a CGI program: what the request says, in the names of RFC 3875 (#40 to #44), and
// nothing else of environ, in which a gateway, a middleware and this process may have left far more.

import type { Variables } from '../environ/variables.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import type { Environ } from '../types.ts';

/** RFC 3875 §4.1, and what Apache and others have added to it. */
const REQUEST_VARIABLES = new Set([
  'AUTH_TYPE',
  'CONTENT_TYPE',
  'DOCUMENT_ROOT',
  'PATH_INFO',
  'PATH_TRANSLATED',
  'QUERY_STRING',
  'REDIRECT_QUERY_STRING',
  'REDIRECT_REQUEST_METHOD',
  'REDIRECT_URL',
  'REMOTE_ADDR',
  'REMOTE_HOST',
  'REMOTE_IDENT',
  'REMOTE_PORT',
  'REMOTE_USER',
  'REQUEST_METHOD',
  'REQUEST_URI',
  'SCRIPT_NAME',
  'SERVER_ADDR',
  'SERVER_ADMIN',
  'SERVER_NAME',
  'SERVER_PORT',
  'SERVER_PROTOCOL',
  'SERVER_SOFTWARE',
  'UNIQUE_ID',
]);

/** Headers that a program finds elsewhere, or that were for the server; and "Proxy", which is an attack (httpoxy). */
const HIDDEN_HEADERS = new Set(['HTTP_CONTENT_LENGTH', 'HTTP_CONTENT_TYPE', 'HTTP_EXPECT', 'HTTP_PROXY']);

/** Returns the variables of a request with a body of `length` bytes for the program at `path`; all are byte strings. */
export function programVariables(environ: Environ, path: string, length: string | undefined, passAuthorization: boolean): Variables {
  const variables: Variables = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    QUERY_STRING: '',
    REDIRECT_STATUS: '200', // without it PHP believes that it was called around the server
    REMOTE_ADDR: '0.0.0.0', // must be there, and must not be anybody whom a program may trust
    REQUEST_SCHEME: environ['wsgi.url_scheme'],
    SERVER_SOFTWARE: 'run-with-cgi',
  };
  if (environ['wsgi.url_scheme'] === 'https') variables.HTTPS = 'on';
  for (const [name, value] of Object.entries(environ)) {
    if (typeof value !== 'string' || !(REQUEST_VARIABLES.has(name) || isHeader(name, passAuthorization) || isTls(name))) continue;
    if (value !== '' || variables[name] === undefined) variables[name] = toBytes(value);
  }
  if (variables.CONTENT_TYPE === '') delete variables.CONTENT_TYPE;
  if (variables.PATH_INFO === '') delete variables.PATH_TRANSLATED; // RFC 3875 #43
  if (length !== undefined) variables.CONTENT_LENGTH = length; // RFC 3875 #41
  variables.SCRIPT_FILENAME = path;
  return variables;
}

function isHeader(name: string, passAuthorization: boolean): boolean {
  if (!/^HTTP_[A-Z0-9_]+$/.test(name) || HIDDEN_HEADERS.has(name)) return false;
  if (name === 'HTTP_AUTHORIZATION') return passAuthorization;
  // They were for the connection that ends here, and transfer codings have been undone. RFC 3875 #44
  return !isHopByHop(name.slice(5).replaceAll('_', '-'));
}

/** Apache's variables for TLS; SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's own, and this process's. */
function isTls(name: string): boolean {
  return /^SSL_(?!CERT_)[A-Z0-9_]+$/.test(name);
}

/** An environment cannot hold NUL; what is no byte should not be here. */
function toBytes(value: string): string {
  return value.replace(/[\0\u0100-\uffff]/g, '?');
}
