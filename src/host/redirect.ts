// Local redirects, from one CGI program to another path of the same server, which follows them itself: RFC 3875 §6.2.2.

import { targetVariables } from '../environ/http.ts';
import { stripPathPrefix } from '../environ/path.ts';
import { Input } from '../gateway/input.ts';
import { NO_BODY } from '../gateway/source.ts';
import type { Environ } from '../types.ts';

/**
 * Returns the request for `location`, with which a program has answered `environ`: a GET without a body. Returns undefined if
 * `location` is not below SCRIPT_NAME; then the client must follow it. RFC 3875 #48
 */
export function redirect(environ: Environ, location: string): Environ | undefined {
  const { REQUEST_METHOD: method, SCRIPT_NAME: scriptName, PATH_INFO: pathInfo, QUERY_STRING: query } = environ;
  const { PATH_INFO: path = '', ...target } = targetVariables(location);
  const rest = stripPathPrefix(path, scriptName);
  if (!rest) return undefined;
  const next: Environ = Object.assign(Object.create(null), environ, target, {
    REQUEST_METHOD: method === 'HEAD' ? 'HEAD' : 'GET',
    SCRIPT_NAME: scriptName,
    PATH_INFO: rest,
    REDIRECT_REQUEST_METHOD: method,
    REDIRECT_URL: scriptName + pathInfo,
    REDIRECT_QUERY_STRING: query,
    'wsgi.input': new Input(NO_BODY, 0),
  });
  for (const name of ['CONTENT_LENGTH', 'CONTENT_TYPE', 'HTTP_TRANSFER_ENCODING', 'PATH_TRANSLATED']) delete next[name];
  return next;
}
