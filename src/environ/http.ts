// From an HTTP request to the variables a CGI server sets for it: RFC 3875 §4.1. For those who stand in the
// server's place.

import type { Header } from '../types.ts';
import { decodePath } from './path.ts';
import type { Variables } from './variables.ts';

export interface Target {
  /** As `decodePath` has it. Begins with "/". */
  path: string;
  query: string;
  /** Of a whole URL, whose word counts more than that of Host. RFC 9112 §3.2.2 */
  authority: string | undefined;
}

/** Takes a request target apart: "/a%20b?c=d", a whole URL, or "*", which is no path at all (RFC 9112 §3.3). */
export function parseTarget(target: string): Target {
  const [, authority, rest = target] = target.startsWith('/') ? [] : (/^[a-z][a-z0-9+.-]*:\/\/([^/?]*)(.*)$/is.exec(target) ?? []);
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  return {
    path: path === '' || path === '*' ? '/' : decodePath(path),
    query: mark < 0 ? '' : rest.slice(mark + 1),
    authority,
  };
}

/** The variables of a request target. */
export function targetVariables(target: string): Variables {
  const { path, query, authority } = parseTarget(target);
  return {
    REQUEST_URI: target,
    SCRIPT_NAME: '',
    PATH_INFO: path,
    QUERY_STRING: query,
    ...(authority !== undefined && { HTTP_HOST: authority }),
  };
}

/** The variables of request headers, values as byte strings; repeated ones are joined. RFC 3875 #44 */
export function headerVariables(headers: Iterable<Readonly<Header>>): Variables {
  const variables: Variables = {};
  for (const [header, value] of headers) addHeader(variables, header, value);
  return variables;
}

/** Adds a request header to the variables, if it is one that an application may see. */
export function addHeader(variables: Record<string, unknown>, header: string, value: string): void {
  const name = names.get(header) ?? rememberName(header);
  if (name === '') return;
  const earlier = variables[name];
  if (earlier === undefined) variables[name] = value;
  else if (name !== 'CONTENT_TYPE') variables[name] = `${earlier}${name === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
}

/** Variables by header, "" for those that must not become one. Clients use few names, and mean clients get no more room than this. */
const names = new Map<string, string>();
const ROOM = 500;

function rememberName(header: string): string {
  const name = variableName(header);
  if (names.size < ROOM) names.set(header, name);
  return name;
}

function variableName(header: string): string {
  // "X_A" and "X-A" would be one variable: whoever checks one must not be given the other.
  if (!/^[A-Za-z0-9-]+$/.test(header)) return '';
  const name = header.toUpperCase().replaceAll('-', '_');
  switch (name) {
    case 'CONTENT_TYPE':
      return name;
    // The length is that of the body that has arrived, and transfer codings are undone. RFC 3875 #41, #45
    case 'CONTENT_LENGTH':
    case 'TRANSFER_ENCODING':
    // HTTP clients obey HTTP_PROXY (httpoxy).
    case 'PROXY':
      return '';
    default:
      return `HTTP_${name}`;
  }
}
