// From an HTTP request to the variables a CGI server sets for it: RFC 3875 §4.1. For those who stand in the
// server's place.

import type { Header } from '../types.ts';
import { unquote } from './uri.ts';
import type { Variables } from './variables.ts';

/** The variables of a request target, "/a%20b?c=d" or a whole URL. The path is decoded byte by byte; what is no "%XX" stays. */
export function targetVariables(target: string): Variables {
  const [, authority, path = '', query = ''] = /^(?:[a-z][a-z0-9+.-]*:\/\/([^/?]*))?([^?]*)\??(.*)$/is.exec(target) ?? [];
  return {
    REQUEST_URI: target,
    SCRIPT_NAME: '',
    PATH_INFO: unquote(path),
    QUERY_STRING: query,
    ...(authority !== undefined && { HTTP_HOST: authority }),
  };
}

/** The variables of request headers, values as byte strings; repeated ones are joined. RFC 3875 #44 */
export function headerVariables(headers: Iterable<Readonly<Header>>): Variables {
  const variables: Variables = {};
  for (const [header, value] of headers) {
    // "X_A" and "X-A" would be one variable: whoever checks one must not be given the other.
    if (!/^[A-Za-z0-9-]+$/.test(header)) continue;
    const name = header.toUpperCase().replaceAll('-', '_');
    if (name === 'CONTENT_TYPE') variables[name] ??= value;
    // The length is that of the body that has arrived, and transfer codings are undone. RFC 3875 #41, #45
    else if (name !== 'CONTENT_LENGTH' && name !== 'TRANSFER_ENCODING') add(variables, `HTTP_${name}`, value);
  }
  return variables;
}

function add(variables: Variables, name: string, value: string): void {
  const earlier = variables[name];
  variables[name] = earlier === undefined ? value : `${earlier}${name === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
}
