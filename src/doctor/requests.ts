// The requests that an examination sends: the variables of each, as RFC 3875 §4.1 has them.

import { basename, dirname } from 'node:path';

export interface Request {
  /** The request in a few words: "GET /cgi-bin/a.cgi". */
  name: string;
  variables: Record<string, string>;
  body?: Buffer | undefined;
}

/** A request that is sent to find something out. */
export interface RequestOptions {
  method?: string;
  /** The path of the script itself. Default: /cgi-bin/ and the name of the script. */
  scriptName?: string | undefined;
  /** The path behind the script, with a "/" at its beginning. */
  pathInfo?: string | undefined;
  query?: string;
  body?: string | undefined;
  /** More variables: headers of the client, and what the server adds. */
  variables?: Readonly<Record<string, string>>;
}

/** Returns a request to the script `script`, which finds its programs in `path`. */
export function makeRequest(script: string, path: string | null, options: RequestOptions = {}): Request {
  const { method = 'GET', scriptName = `/cgi-bin/${basename(script)}`, pathInfo, query = '', body } = options;
  const url = scriptName + encodeURI(pathInfo ?? '') + (query === '' ? '' : `?${query}`);
  const variables: Record<string, string> = {
    ...(path !== null && { PATH: path }),
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_SOFTWARE: 'run-with-cgi',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    REQUEST_METHOD: method,
    REQUEST_URI: url,
    REQUEST_SCHEME: 'http',
    SCRIPT_NAME: scriptName,
    SCRIPT_FILENAME: script,
    DOCUMENT_ROOT: dirname(dirname(script)),
    QUERY_STRING: query,
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '50000',
    HTTP_HOST: 'localhost',
    HTTP_ACCEPT: '*/*',
    HTTP_USER_AGENT: 'run-with-cgi doctor',
    ...(pathInfo !== undefined && { PATH_INFO: pathInfo, PATH_TRANSLATED: `${dirname(dirname(script))}${pathInfo}` }),
    ...(body !== undefined && { CONTENT_LENGTH: String(Buffer.byteLength(body)), CONTENT_TYPE: 'application/x-www-form-urlencoded' }),
    ...options.variables,
  };
  return { name: `${method} ${url}`, variables, body: body === undefined ? undefined : Buffer.from(body) };
}
