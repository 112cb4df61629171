// The rules on environ, which the server must keep.

import { isToken } from '../gateway/checks.ts';
import { show } from '../show.ts';
import type { Enforcer } from './contract-error.ts';

/// ## environ
///
/// `environ` describes the request. It holds the CGI variables of RFC 3875, the headers of the request as `HTTP_*`, and values
/// of the server, whose names have a dot in them.

/** Checks `environ`. */
export function checkEnviron(environ: unknown, { server }: Enforcer): asserts environ is Record<string, unknown> {
  /// - **`environ-object`** `environ` is a plain object: its prototype is `null` or `Object.prototype`. The application may
  ///   change it in any way.
  const isPlain = typeof environ === 'object' && environ !== null && [null, Object.prototype].includes(Object.getPrototypeOf(environ));
  server(
    'environ-object',
    isPlain && Object.isExtensible(environ),
    () => `environ must be a plain object that can be changed, got ${show(environ)}`,
  );
  if (!isPlain) return;
  const variables = environ as Record<string, unknown>;

  /// - **`environ-required`** `environ` always has `REQUEST_METHOD`, `SCRIPT_NAME`, `PATH_INFO`, `QUERY_STRING`, `SERVER_NAME`,
  ///   `SERVER_PORT`, `SERVER_PROTOCOL`, `wsgi.version`, `wsgi.url_scheme`, `wsgi.input`, `wsgi.errors`, `wsgi.multithread`,
  ///   `wsgi.multiprocess` and `wsgi.run_once`. `SCRIPT_NAME`, `PATH_INFO` and `QUERY_STRING` may be empty (Δ: the PEP allows
  ///   the server to leave them out then).
  for (const name of REQUIRED) server('environ-required', name in variables, () => `environ must have ${name}`);

  /// - **`environ-string`** Every variable is a byte string. A variable is a name without a dot. The server leaves out a
  ///   variable that has no value; it does not set it to `undefined` or `null`.
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

  /// - **`environ-server`** `SERVER_NAME` is not empty, and `SERVER_PORT` consists of digits.
  const { SERVER_NAME: host, SERVER_PORT: port, SERVER_PROTOCOL: protocol } = variables;
  server('environ-server', host !== '' && /^\d+$/.test(String(port)), () => {
    return `SERVER_NAME must not be empty and SERVER_PORT must be digits, got ${show(host)} and ${show(port)}`;
  });
  /// - **`environ-protocol`** `SERVER_PROTOCOL` is a protocol and its version, such as `HTTP/1.1`, or `INCLUDED`.
  server('environ-protocol', /^(?:[A-Z]+\/\d+(?:\.\d+)?|INCLUDED)$/.test(String(protocol)), () => {
    return `SERVER_PROTOCOL must be like "HTTP/1.1", got ${show(protocol)}`;
  });

  /// - **`environ-path`** `SCRIPT_NAME` is the part of the URL's path that leads to the application, and `PATH_INFO` is the
  ///   rest. Both are %-decoded. Each is empty or begins with `/`, and they are not both empty. `SCRIPT_NAME` is never just
  ///   `/`: at the root it is `""`, and `PATH_INFO` is `/`. Neither has a segment `.` or `..`, which one program could resolve
  ///   after another has checked the path (Δ).
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

  /// - **`environ-body`** `CONTENT_LENGTH`, if the server knows the length of the request body, consists of digits.
  ///   `CONTENT_TYPE`, if the client has sent one, is not empty. There is no `HTTP_CONTENT_LENGTH` and no `HTTP_CONTENT_TYPE`.
  const { CONTENT_LENGTH: length = '0', CONTENT_TYPE: type } = variables;
  server('environ-body', /^\d+$/.test(String(length)), () => `CONTENT_LENGTH must be digits or absent, got ${show(length)}`);
  server('environ-body', type !== '', () => 'CONTENT_TYPE must not be empty; leave it out');
  for (const name of ['CONTENT_LENGTH', 'CONTENT_TYPE']) {
    server('environ-body', !(`HTTP_${name}` in variables), () => `environ must not have HTTP_${name}; it is ${name}`);
  }
  /// - **`environ-proxy`** There is no `HTTP_PROXY`: a client can send it as `Proxy:`, and HTTP clients obey it.
  server('environ-proxy', !('HTTP_PROXY' in variables), () => 'environ must not have HTTP_PROXY, which any client can set');

  /// - **`environ-version`** `wsgi.version` is `[1, 0]`.
  const version = variables['wsgi.version'];
  server('environ-version', Array.isArray(version) && version.join() === '1,0', () => `wsgi.version must be [1, 0], got ${show(version)}`);
  /// - **`environ-scheme`** `wsgi.url_scheme` is `"http"` or `"https"`.
  const scheme = variables['wsgi.url_scheme'];
  server('environ-scheme', scheme === 'http' || scheme === 'https', () => `wsgi.url_scheme must be "http" or "https", got ${show(scheme)}`);
  /// - **`environ-flags`** Three values are booleans. `wsgi.multithread` says whether other requests may run in this process at
  ///   the same time. `wsgi.multiprocess` says whether other processes may serve the same application. `wsgi.run_once` says
  ///   whether this process calls the application only once. `wsgi.input_terminated` is `true` or absent; `true` means that the
  ///   input ends by itself (Δ: an extension).
  for (const name of ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once']) {
    server('environ-flags', typeof variables[name] === 'boolean', () => `${name} must be true or false, got ${show(variables[name])}`);
  }
  const terminated = variables['wsgi.input_terminated'] ?? true;
  server('environ-flags', terminated === true, () => `wsgi.input_terminated must be true or absent, got ${show(terminated)}`);
  /// - **`environ-streams`** `wsgi.input` has the methods `read`, `readline`, `readlines`, `[Symbol.iterator]` and
  ///   `[Symbol.asyncIterator]` (Δ). `wsgi.errors` has `write`, `writelines` and `flush`.
  checkMethods('wsgi.input', ['read', 'readline', 'readlines', Symbol.iterator, Symbol.asyncIterator]);
  checkMethods('wsgi.errors', ['write', 'writelines', 'flush']);
  /// - **`environ-file-wrapper`** `wsgi.file_wrapper` is a function of a file and an optional block size, or absent. It returns
  ///   a body. A file is an open descriptor, an object that has one as `fd`, or an object with `read(size)` (Δ: the PEP has
  ///   only the last).
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

/** Whether each character of `text` is one byte. */
function isByteString(text: string): boolean {
  return !/[^\0-\xff]/.test(text);
}
