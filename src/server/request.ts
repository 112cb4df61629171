// From a request of node:http to the variables a CGI server would set for it: RFC 3875 §4.1.

import type { IncomingMessage } from 'node:http';
import type { Variables } from '../environ/variables.ts';

/** Returns the request's variables, byte strings: Node gives header values as such, and the path as it came. */
export function variablesOf(request: IncomingMessage): Variables {
  const target = request.url ?? '/';
  const [path = '', query = ''] = split(target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, ''), '?');
  const variables: Variables = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'run-with-cgi',
    REQUEST_METHOD: request.method ?? 'GET',
    REQUEST_URI: target,
    SCRIPT_NAME: '',
    PATH_INFO: decode(path),
    QUERY_STRING: query,
    SERVER_PROTOCOL: `HTTP/${request.httpVersion}`,
    SERVER_NAME: split(request.headers.host ?? '', ':')[0] || (request.socket.localAddress ?? 'localhost'),
    SERVER_PORT: String(request.socket.localPort ?? 80),
    REMOTE_ADDR: request.socket.remoteAddress ?? '',
    REMOTE_PORT: String(request.socket.remotePort ?? ''),
  };
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const header = request.rawHeaders[at] ?? '';
    const value = request.rawHeaders[at + 1] ?? '';
    // "X_A" and "X-A" would be one variable: whoever checks one must not be given the other.
    if (!/^[A-Za-z0-9-]+$/.test(header)) continue;
    const name = header.toUpperCase().replaceAll('-', '_');
    if (name === 'CONTENT_TYPE') variables.CONTENT_TYPE ??= value;
    // CONTENT_LENGTH is that of the body that arrived; transfer codings are undone (RFC 3875 #41, #45).
    else if (name !== 'CONTENT_LENGTH' && name !== 'TRANSFER_ENCODING') add(variables, `HTTP_${name}`, value);
  }
  return variables;
}

function add(variables: Variables, name: string, value: string): void {
  const earlier = variables[name];
  variables[name] = earlier === undefined ? value : `${earlier}${name === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
}

/** Undoes %XX, byte by byte; what is no such triple stays as it is. */
function decode(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_triple, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
