// What the path of a request is. Every gateway makes SCRIPT_NAME and PATH_INFO here, before anybody routes or refuses by
// them, and every adapter takes from here how the client has written them: so all see the same path.

/**
 * Makes SCRIPT_NAME and PATH_INFO what an application may rely on, in place. Each is empty or begins with "/", the root is
 * SCRIPT_NAME "" and PATH_INFO "/", and neither has a segment "." or "..": PATH_INFO never leads out of itself. "//" stays.
 */
export function normalizePath(environ: Record<string, unknown>): void {
  const { scriptName, pathInfo } = settled(environ);
  // PATH_TRANSLATED belongs to the path that had the dots in it.
  if (pathInfo.length < String(environ.PATH_INFO ?? '').length) delete environ.PATH_TRANSLATED;
  environ.SCRIPT_NAME = scriptName;
  environ.PATH_INFO = pathInfo;
}

interface SplitPath {
  scriptName: string;
  pathInfo: string;
}

function settled(environ: Readonly<Record<string, unknown>>): SplitPath {
  const name = String(environ.SCRIPT_NAME ?? '');
  const rest = String(environ.PATH_INFO ?? '');
  let scriptName = name === '' ? '' : removeDotSegments(rooted(name));
  // merecat ends SCRIPT_NAME in "/".
  const endsInSlash = scriptName === '' || scriptName.endsWith('/');
  while (scriptName.endsWith('/')) scriptName = scriptName.slice(0, -1);
  // nginx gives a PATH_INFO without "/" when it is told to split the path "/app.example/x" behind "/app".
  return { scriptName, pathInfo: rest === '' && !endsInSlash ? '' : removeDotSegments(rooted(rest)) };
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/** Returns `path`, which begins with "/", without its segments "." and "..": RFC 3986 §5.2.4. What would lead above the root stays there. */
export function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const [, ...segments] = path.split('/');
  for (const [at, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') kept.pop();
    if (!isDots) kept.push(segment);
    else if (at === segments.length - 1) kept.push(''); // what they stand for is a folder
  }
  return `/${kept.join('/')}`;
}

/** Returns the path that a client has written, decoded byte by byte and without dot segments; what is no "%XX" stays as it is. */
export function decodePath(raw: string): string {
  return removeDotSegments(unquote(raw));
}

/**
 * Returns what of `path` follows `prefix`, compared by whole segments; undefined where `path` does not begin so. Empty
 * segments are passed over, as by every server that maps a path to a folder: "//a//b" begins with "/a/b".
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
 * Returns SCRIPT_NAME and PATH_INFO as the client has written them, with "%2F" where it wrote that. The server tells this in
 * REQUEST_URI. Where it does not, or somebody has changed the path since, both are encoded anew. What a URL cannot hold is
 * encoded once, and so is "\", which `new URL()` would take for "/".
 */
export function rawPath(environ: Readonly<Record<string, unknown>>): SplitPath {
  const { scriptName, pathInfo } = settled(environ);
  const raw = targetPath(String(environ.REQUEST_URI ?? ''));
  if (raw.startsWith('/') && isRaw(raw, scriptName + pathInfo, String(environ.SERVER_SOFTWARE))) {
    const end = rawLength(raw, scriptName.length);
    // "%2F" may stand between the two, and what begins with it is no path.
    if (end === raw.length || raw.charAt(end) === '/') {
      return { scriptName: percentEncode(raw.slice(0, end), UNSENDABLE), pathInfo: percentEncode(raw.slice(end), UNSENDABLE) };
    }
  }
  return { scriptName: quotePath(scriptName), pathInfo: quotePath(pathInfo) };
}

/** Encodes each byte that a path cannot hold as it is: RFC 3986 §3.3. */
export function quotePath(path: unknown): string {
  return percentEncode(String(path ?? ''), /[^A-Za-z0-9._~!$&'()*+,;=:@/-]/g);
}

/** Bytes that a request cannot be sent with, or that a parser of URLs drops or takes for others. */
const UNSENDABLE = /[^!-~]|\\/g;

/** Encodes the bytes of `text` that `unfit` finds. */
export function percentEncode(text: string, unfit: RegExp): string {
  return text.replace(unfit, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

/** Whether `raw`, of REQUEST_URI, is what the client has written for `path`. */
function isRaw(raw: string, path: string, server: string): boolean {
  // busybox and civetweb have decoded it. Mostly it shows, but "/100%" could be either.
  if (server.startsWith('busybox') || server.startsWith('CivetWeb')) return false;
  const decoded = unquote(raw);
  if (decoded === path) return true;
  // Apache with "AllowEncodedSlashes NoDecode" leaves "%2F" in PATH_INFO.
  const keepsSlash = server.startsWith('Apache') && unquote(raw.replace(/%(2f)/gi, '%25$1')) === path;
  return keepsSlash && decoded === removeDotSegments(decoded);
}

/** The path of a request target, which may be a whole URL: RFC 9112 §3.2. */
function targetPath(target: string): string {
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*|[?#].*$/gis, '');
}

function unquote(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9a-f]{2})/gi, (_triple, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** How many characters of `raw` stand for `bytes` decoded ones. */
function rawLength(raw: string, bytes: number): number {
  let at = 0;
  for (let count = 0; count < bytes; count++) at += raw.charAt(at) === '%' && /^[0-9a-f]{2}$/i.test(raw.slice(at + 1, at + 3)) ? 3 : 1;
  return at;
}
