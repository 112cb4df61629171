// Makes the CGI variables that a server sets out of an HTTP request, and headers out of variables: RFC 3875 §4.1. For gateways
// that stand in the place of a web server, and for adapters that pass a request on.

import type { Environ, Header } from '../types.ts';
import { decodePath } from './path.ts';
import { joinRepeated } from './repeated-headers.ts';
import type { Variables } from './variables.ts';

/** The parts of a request target. */
export interface RequestTarget {
  /** The path, as `decodePath` returns it. Begins with "/". */
  path: string;
  /** What follows "?"; "" if nothing does. */
  query: string;
  /** Host and port of a target that is a whole URL; undefined for any other. They win over the Host header: RFC 9112 §3.2.2. */
  authority: string | undefined;
}

/** Parses a request target: "/a%20b?c=d", a whole URL, or "*", which has no path and gets "/" (RFC 9112 §3.3). */
export function parseRequestTarget(target: string): RequestTarget {
  const [, authority, rest = target] = target.startsWith('/') ? [] : (/^[a-z][a-z0-9+.-]*:\/\/([^/?]*)(.*)/is.exec(target) ?? []);
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  return {
    path: path === '' || path === '*' ? '/' : decodePath(path),
    query: mark < 0 ? '' : rest.slice(mark + 1),
    authority,
  };
}

/** Returns the variables that a request target sets. */
export function targetVariables(target: string): Variables {
  const { path, query, authority } = parseRequestTarget(target);
  return {
    REQUEST_URI: target,
    SCRIPT_NAME: '',
    PATH_INFO: path,
    QUERY_STRING: query,
    ...(authority !== undefined && { HTTP_HOST: authority }),
  };
}

/** Returns the variables that request headers set. Values are byte strings; repeated headers are joined. RFC 3875 #44 */
export function headerVariables(headers: Iterable<Readonly<Header>>): Variables {
  const variables: Variables = {};
  for (const [header, value] of headers) addHeader(variables, header, value);
  return variables;
}

/** Adds a request header to `variables`, unless it is one that an application must not see. */
export function addHeader(variables: Record<string, unknown>, header: string, value: string): void {
  const name = variableNames.get(header) ?? rememberName(header);
  if (name === '') return;
  const earlier = variables[name];
  if (earlier === undefined) variables[name] = value;
  else if (name !== 'CONTENT_TYPE') variables[name] = joinRepeated(name, earlier, value);
}

/** A cache: the name of the variable by the name of the header; "" for a header that must not become a variable. */
const variableNames = new Map<string, string>();
/** Clients in general use few names. The bound keeps a malicious client from filling the memory with invented ones. */
const MAX_NAMES = 500;

function rememberName(header: string): string {
  const name = variableName(header);
  if (variableNames.size < MAX_NAMES) variableNames.set(header, name);
  return name;
}

function variableName(header: string): string {
  // "X_A" and "X-A" would both become HTTP_X_A. A client could slip in the one where a proxy checks the other.
  if (!/^[A-Za-z0-9-]+$/.test(header)) return '';
  const name = header.toUpperCase().replaceAll('-', '_');
  switch (name) {
    case 'CONTENT_TYPE':
      return name;
    // The gateway sets CONTENT_LENGTH itself, from the body that has arrived, and undoes transfer codings. RFC 3875 #41, #45
    case 'CONTENT_LENGTH':
    case 'TRANSFER_ENCODING':
    // HTTP clients obey HTTP_PROXY (httpoxy).
    case 'PROXY':
      return '';
    default:
      return `HTTP_${name}`;
  }
}

/** Returns the headers of the request of `environ`, with names in lower case. */
export function requestHeaders(environ: Environ): Header[] {
  const headers: Header[] = [];
  for (const [variable, value] of Object.entries(environ)) {
    if (typeof value !== 'string') continue;
    const isContent = (variable === 'CONTENT_TYPE' || variable === 'CONTENT_LENGTH') && value !== '';
    if (!isContent && !variable.startsWith('HTTP_')) continue;
    headers.push([
      variable
        .replace(/^HTTP_/, '')
        .toLowerCase()
        .replaceAll('_', '-'),
      value,
    ]);
  }
  return headers;
}
