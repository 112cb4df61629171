// The rules on environ, which are the server's.

import { isToken } from '../gateway/checks.ts';
import { show } from '../show.ts';
import type { Judge } from './violation.ts';

/// ## environ
///
/// `environ` describes the request: the CGI variables of RFC 3875, the request's headers as `HTTP_*`, and values
/// of the server's own, whose names contain a dot.

export function checkEnviron(environ: unknown, { server }: Judge): asserts environ is Record<string, unknown> {
  /// - **`environ-object`** It is a plain object: its prototype is `null` or `Object.prototype`. The application
  ///   may change it in any way.
  const isPlain = typeof environ === 'object' && environ !== null && [null, Object.prototype].includes(Object.getPrototypeOf(environ));
  server(
    'environ-object',
    isPlain && Object.isExtensible(environ),
    () => `environ must be a plain object that can be changed, got ${show(environ)}`,
  );
  if (!isPlain) return;
  const variables = environ as Record<string, unknown>;

  /// - **`environ-required`** These are always there: `REQUEST_METHOD`, `SCRIPT_NAME`, `PATH_INFO`, `QUERY_STRING`,
  ///   `SERVER_NAME`, `SERVER_PORT`, `SERVER_PROTOCOL`, `wsgi.version`, `wsgi.url_scheme`, `wsgi.input`,
  ///   `wsgi.errors`, `wsgi.multithread`, `wsgi.multiprocess`, `wsgi.run_once`. `SCRIPT_NAME`, `PATH_INFO` and
  ///   `QUERY_STRING` may be empty (Δ: the PEP lets a server leave them out then).
  for (const name of REQUIRED) server('environ-required', name in variables, () => `environ must have ${name}`);

  /// - **`environ-string`** Every variable, which is every name without a dot, is a byte string. One that has no
  ///   value is left out; it is neither `undefined` nor `null`.
  for (const [name, value] of Object.entries(variables)) {
    if (name.includes('.')) continue;
    server(
      'environ-string',
      typeof value === 'string' && isByteString(value),
      () => `environ.${name} must be a byte string, got ${show(value)}`,
    );
  }

  /// - **`environ-method`** `REQUEST_METHOD` is a token of RFC 9110, such as `GET`.
  const method = variables.REQUEST_METHOD;
  server('environ-method', typeof method === 'string' && isToken(method), () => `REQUEST_METHOD must be a token, got ${show(method)}`);

  /// - **`environ-server`** `SERVER_NAME` is not empty, and `SERVER_PORT` is digits.
  const { SERVER_NAME: host, SERVER_PORT: port, SERVER_PROTOCOL: protocol } = variables;
  server('environ-server', host !== '' && /^\d+$/.test(String(port)), () => {
    return `SERVER_NAME must not be empty and SERVER_PORT must be digits, got ${show(host)} and ${show(port)}`;
  });
  /// - **`environ-protocol`** `SERVER_PROTOCOL` is a protocol and its version, such as `HTTP/1.1`, or `INCLUDED`.
  server('environ-protocol', /^(?:[A-Z]+\/\d+(?:\.\d+)?|INCLUDED)$/.test(String(protocol)), () => {
    return `SERVER_PROTOCOL must be like "HTTP/1.1", got ${show(protocol)}`;
  });

  /// - **`environ-path`** `SCRIPT_NAME` is the part of the URL's path that leads to the application, `PATH_INFO`
  ///   the rest; both are %-decoded. Each is empty or begins with `/`. `SCRIPT_NAME` is never just `/`: the
  ///   root is `""`, and `PATH_INFO` is `/` then. They are not both empty. Neither has a segment `.` or `..`, which
  ///   somebody might resolve after somebody else has decided by the path (Δ).
  const { SCRIPT_NAME: scriptName, PATH_INFO: pathInfo } = variables;
  server('environ-path', scriptName !== '/', () => 'SCRIPT_NAME cannot be "/"; make it "" and PATH_INFO "/"');
  for (const name of ['SCRIPT_NAME', 'PATH_INFO']) {
    server(
      'environ-path',
      /^(?:\/|$)/.test(String(variables[name])),
      () => `${name} must be empty or begin with "/", got ${show(variables[name])}`,
    );
    server(
      'environ-path',
      !/\/\.\.?(?:\/|$)/.test(String(variables[name])),
      () => `${name} must have no segment "." or "..", got ${show(variables[name])}; resolve them first`,
    );
  }
  server('environ-path', scriptName !== '' || pathInfo !== '', () => 'SCRIPT_NAME and PATH_INFO are both empty; make PATH_INFO "/"');

  /// - **`environ-body`** `CONTENT_LENGTH`, where the request has a body of known length, is digits;
  ///   `CONTENT_TYPE`, where the client has given one, is not empty. There is no `HTTP_CONTENT_LENGTH` and no
  ///   `HTTP_CONTENT_TYPE`.
  const { CONTENT_LENGTH: length = '0', CONTENT_TYPE: type } = variables;
  server('environ-body', /^\d+$/.test(String(length)), () => `CONTENT_LENGTH must be digits or absent, got ${show(length)}`);
  server('environ-body', type !== '', () => 'CONTENT_TYPE must not be empty; leave it out');
  for (const name of ['CONTENT_LENGTH', 'CONTENT_TYPE']) {
    server('environ-body', !(`HTTP_${name}` in variables), () => `environ must not have HTTP_${name}; it is ${name}`);
  }
  /// - **`environ-proxy`** There is no `HTTP_PROXY`: a client could send it, as `Proxy:`, and HTTP clients obey it.
  server('environ-proxy', !('HTTP_PROXY' in variables), () => 'environ must not have HTTP_PROXY, which any client can set');

  /// - **`environ-version`** `wsgi.version` is `[1, 0]`.
  const version = variables['wsgi.version'];
  server('environ-version', Array.isArray(version) && version.join() === '1,0', () => `wsgi.version must be [1, 0], got ${show(version)}`);
  /// - **`environ-scheme`** `wsgi.url_scheme` is `"http"` or `"https"`.
  const scheme = variables['wsgi.url_scheme'];
  server('environ-scheme', scheme === 'http' || scheme === 'https', () => `wsgi.url_scheme must be "http" or "https", got ${show(scheme)}`);
  /// - **`environ-flags`** `wsgi.multithread` says whether other requests may run in this process at the same
  ///   time, `wsgi.multiprocess` whether other processes may serve this application too, `wsgi.run_once` whether
  ///   the application will be called only once in this process. All three are booleans.
  ///   `wsgi.input_terminated`, where it is there, is `true`: the input ends by itself (Δ: an extension).
  for (const name of ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once']) {
    server('environ-flags', typeof variables[name] === 'boolean', () => `${name} must be true or false, got ${show(variables[name])}`);
  }
  const terminated = variables['wsgi.input_terminated'] ?? true;
  server('environ-flags', terminated === true, () => `wsgi.input_terminated must be true or absent, got ${show(terminated)}`);
  /// - **`environ-streams`** `wsgi.input` has the methods `read`, `readline`, `readlines`, `[Symbol.iterator]` and
  ///   `[Symbol.asyncIterator]` (Δ); `wsgi.errors` has `write`, `writelines` and `flush`.
  checkMethods('wsgi.input', ['read', 'readline', 'readlines', Symbol.iterator, Symbol.asyncIterator]);
  checkMethods('wsgi.errors', ['write', 'writelines', 'flush']);
  /// - **`environ-file-wrapper`** `wsgi.file_wrapper`, where it is there, is a function of a file and an optional
  ///   block size. What it returns is a body. A file is an open descriptor, an object that has one as `fd`, or one
  ///   with `read(size)` (Δ: the PEP has the last alone).
  const wrapFile = variables['wsgi.file_wrapper'];
  server('environ-file-wrapper', wrapFile === undefined || typeof wrapFile === 'function', () => {
    return `wsgi.file_wrapper must be a function or absent, got ${show(wrapFile)}`;
  });

  function checkMethods(name: string, methods: (string | symbol)[]): void {
    const stream = variables[name] as Record<string | symbol, unknown> | null | undefined;
    for (const method of methods) {
      server('environ-streams', typeof stream?.[method] === 'function', () => `${name} must have the method ${String(method)}`);
    }
  }
}

const REQUIRED = [
  'REQUEST_METHOD',
  'SCRIPT_NAME',
  'PATH_INFO',
  'QUERY_STRING',
  'SERVER_NAME',
  'SERVER_PORT',
  'SERVER_PROTOCOL',
  'wsgi.version',
  'wsgi.url_scheme',
  'wsgi.input',
  'wsgi.errors',
  'wsgi.multithread',
  'wsgi.multiprocess',
  'wsgi.run_once',
];

export function isByteString(text: string): boolean {
  return !/[^\0-\xff]/.test(text);
}
