// The environ of a request that comes over no wire.

import { completeVariables } from '../environ/environ.ts';
import { headerVariables, targetVariables } from '../environ/http.ts';
import { toEnviron } from '../gateway/environ.ts';
import { Input } from '../gateway/input.ts';
import { NO_BODY, type Source } from '../gateway/source.ts';
import type { Environ, ErrorStream, Header } from '../types.ts';

export interface RequestHead {
  /** Default: "GET", or "POST" when there is a body. */
  method?: string;
  /** The URL's path as a client sends it, "/a%20b?c=d"; or a whole URL. Default: "/". */
  path?: string;
  /** Values are byte strings. */
  headers?: Readonly<Record<string, string>> | Iterable<Header>;
  /** More variables, which override all others: `{ SCRIPT_NAME: '/app', REMOTE_USER: 'alice' }`. */
  environ?: Readonly<Record<string, unknown>>;
}

/** A request body, and its length in bytes. */
export interface SizedSource {
  source: Source;
  length: number;
}

/** Returns the environ of a request to http://localhost, or to the host of a whole URL. */
export function requestEnviron(head: RequestHead, body: SizedSource | undefined, errors: ErrorStream): Environ {
  const { method, path = '/', headers = [], environ } = head;
  const variables = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'run-with-cgi',
    REQUEST_METHOD: method ?? (body ? 'POST' : 'GET'),
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '127.0.0.1',
    HTTP_HOST: 'localhost',
    ...targetVariables(path),
    ...headerVariables(Symbol.iterator in headers ? headers : Object.entries(headers)),
    ...(body && { CONTENT_LENGTH: String(body.length) }),
    ...(/^https:/i.test(path) && { HTTPS: 'on', SERVER_PORT: '443' }),
  };
  return toEnviron(completeVariables(variables, environ), {
    input: body ? new Input(body.source, body.length) : new Input(NO_BODY, 0),
    errors,
    multithread: false,
    multiprocess: false,
    runOnce: false,
  });
}
