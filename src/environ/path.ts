// The path of a request. Every gateway makes SCRIPT_NAME and PATH_INFO here, before anything routes by them or refuses them, and
// every adapter takes the path as the client wrote it from here. So all parts of the program see the same path.

/**
 * Makes SCRIPT_NAME and PATH_INFO what an application may rely on, in place. Each is empty or begins with "/", and has no
 * segment "." or "..", so that PATH_INFO never leads out of itself. At the root SCRIPT_NAME is "" and PATH_INFO is "/". Empty
 * segments stay.
 */
export function normalizePath(environ: Record<string, unknown>): void {
  const { scriptName, pathInfo } = normalizedPath(environ);
  // The server made PATH_TRANSLATED from the path with the dots in it.
  if (pathInfo.length < String(environ.PATH_INFO ?? '').length) delete environ.PATH_TRANSLATED;
  environ.SCRIPT_NAME = scriptName;
  environ.PATH_INFO = pathInfo;
}

interface SplitPath {
  scriptName: string;
  pathInfo: string;
}

function normalizedPath(environ: Readonly<Record<string, unknown>>): SplitPath {
  const name = String(environ.SCRIPT_NAME ?? '');
  const rest = String(environ.PATH_INFO ?? '');
  let scriptName = removeDotSegments(withSlash(name));
  // merecat ends SCRIPT_NAME in "/".
  const endsInSlash = scriptName.endsWith('/');
  while (scriptName.endsWith('/')) scriptName = scriptName.slice(0, -1);
  // nginx gives a PATH_INFO without "/" when its configuration splits the path "/app.example/x" after "/app".
  return { scriptName, pathInfo: rest === '' && !endsInSlash ? '' : removeDotSegments(withSlash(rest)) };
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/** Resolves the segments "." and ".." of `path`, which begins with "/": RFC 3986 §5.2.4. ".." at the root stays at the root. */
export function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const [, ...segments] = path.split('/');
  for (const [at, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') kept.pop();
    if (!isDots) kept.push(segment);
    else if (at === segments.length - 1) kept.push(''); // dots at the end mean a folder: "/a/." is "/a/"
  }
  return `/${kept.join('/')}`;
}

/** Decodes the path that a client wrote, byte by byte, and resolves its dot segments. A "%" that is no "%XX" stays. */
export function decodePath(raw: string): string {
  return removeDotSegments(unquote(raw));
}

/**
 * Returns what follows `prefix` in `path`; undefined if `path` does not begin with `prefix`. Compares whole segments and skips
 * empty ones, as every server does that maps a path to a folder: "//a//b" begins with "/a/b".
 */
export function stripPathPrefix(path: string, prefix: string): string | undefined {
  let at = 0;
  for (const segment of prefix.split('/')) {
    if (segment === '') continue;
    while (path.charAt(at) === '/') at++;
    if (!path.startsWith(segment, at)) return undefined;
    at += segment.length;
    if (at < path.length && path.charAt(at) !== '/') return undefined;
  }
  return path.slice(at);
}

/**
 * Returns SCRIPT_NAME and PATH_INFO as the client wrote them, with "%2F" where the client wrote that. They come from
 * REQUEST_URI. If the server does not give it, or the path in `environ` has been changed since, both are encoded anew. Bytes
 * that a URL cannot hold are encoded, and so is "\", which `new URL()` would take for "/".
 */
export function rawPath(environ: Readonly<Record<string, unknown>>): SplitPath {
  const { scriptName, pathInfo } = normalizedPath(environ);
  const raw = targetPath(String(environ.REQUEST_URI));
  if (raw.startsWith('/') && isRawFormOf(raw, scriptName + pathInfo, String(environ.SERVER_SOFTWARE))) {
    const end = rawLength(raw, scriptName.length);
    // The two may meet at a "%2F". A PATH_INFO that begins with that is no path.
    if (end === raw.length || raw.charAt(end) === '/') {
      return { scriptName: percentEncode(raw.slice(0, end), UNSAFE), pathInfo: percentEncode(raw.slice(end), UNSAFE) };
    }
  }
  return { scriptName: quotePath(scriptName), pathInfo: quotePath(pathInfo) };
}

/** Encodes each byte that a path cannot hold as it is: RFC 3986 §3.3. */
export function quotePath(path: unknown): string {
  return percentEncode(String(path ?? ''), /[^A-Za-z0-9._~!$&'()*+,;=:@/-]/g);
}

/** Bytes that cannot be sent in a request, or that a URL parser drops or takes for others. */
const UNSAFE = /[^!-~]|\\/g;

/** Encodes each byte of `text` that `pattern` matches as "%XX". */
export function percentEncode(text: string, pattern: RegExp): string {
  return text.replace(pattern, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

/** Whether `raw`, the path of REQUEST_URI, is what the client wrote for the decoded `path`. */
function isRawFormOf(raw: string, path: string, server: string): boolean {
  // busybox and civetweb have decoded it already. Most decoded paths show that, but "/100%" may be either.
  if (server.startsWith('busybox') || server.startsWith('CivetWeb')) return false;
  const decoded = unquote(raw);
  if (decoded === path) return true;
  // Apache with "AllowEncodedSlashes NoDecode" leaves "%2F" in PATH_INFO.
  const keepsSlash = server.startsWith('Apache') && unquote(raw.replace(/%(2f)/gi, '%25$1')) === path;
  return keepsSlash && decoded === removeDotSegments(decoded);
}

/** Returns the path of a request target, which may be a whole URL: RFC 9112 §3.2. */
function targetPath(target: string): string {
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*|[?#].*/gis, '');
}

function unquote(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9a-f]{2})/gi, (_triple, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Returns how many characters of `raw` stand for its first `bytes` decoded bytes. */
function rawLength(raw: string, bytes: number): number {
  let at = 0;
  for (let count = 0; count < bytes; count++) at += raw.charAt(at) === '%' && /[0-9a-f]{2}/i.test(raw.slice(at + 1, at + 3)) ? 3 : 1;
  return at;
}
