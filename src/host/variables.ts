// The environment of a CGI program: the variables of RFC 3875 (#40 to #44) and nothing else of environ, to which gateways and
// middleware add much that a program must not get.

import type { Variables } from '../environ/variables.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import type { Environ } from '../types.ts';

/** The variables of RFC 3875 §4.1, and those that Apache and others have added. */
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

/** Headers that come as other variables, or were for the server alone; and "Proxy", which is an attack (httpoxy). */
const HIDDEN_HEADERS = new Set(['HTTP_CONTENT_LENGTH', 'HTTP_CONTENT_TYPE', 'HTTP_EXPECT', 'HTTP_PROXY']);

/** Characters that no environment can have: NUL, and those that are no byte. */
const NOT_IN_ENVIRONMENT = /[\0\u0100-\uffff]/g;

/** Returns the variables for the program at `path`, as byte strings. `length` is that of the request body. */
export function programVariables(environ: Environ, path: string, length: string | undefined, passAuthorization: boolean): Variables {
  const variables: Variables = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    QUERY_STRING: '',
    REDIRECT_STATUS: '200', // without it PHP refuses to run, because it could have been called directly
    REMOTE_ADDR: '0.0.0.0', // is required, and must be an address that no program trusts
    REQUEST_SCHEME: environ['wsgi.url_scheme'],
    SERVER_SOFTWARE: 'run-with-cgi',
  };
  if (environ['wsgi.url_scheme'] === 'https') variables.HTTPS = 'on';
  for (const [name, value] of Object.entries(environ)) {
    if (typeof value !== 'string' || !(REQUEST_VARIABLES.has(name) || isHeader(name, passAuthorization) || isTls(name))) continue;
    if (value !== '' || variables[name] === undefined) variables[name] = value.replace(NOT_IN_ENVIRONMENT, '?');
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
  // The connection of hop-by-hop headers ends here, and transfer codings have been decoded. RFC 3875 #44
  return !isHopByHop(name.slice(5).replaceAll('_', '-'));
}

/** Whether `name` is one of Apache's variables for TLS. SSL_CERT_FILE and SSL_CERT_DIR are not: they configure OpenSSL. */
function isTls(name: string): boolean {
  return /^SSL_(?!CERT_)[A-Z0-9_]+$/.test(name);
}
