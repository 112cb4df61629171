// Going down a URL path one segment at a time, as an application does that contains others.

/** The part of environ that says which part of the path has been used. */
export interface PathVariables {
  SCRIPT_NAME?: string | undefined;
  PATH_INFO?: string | undefined;
}

/**
 * Moves the first segment of PATH_INFO to the end of SCRIPT_NAME, in place, and returns it; undefined when
 * none is left. Empty segments and "." are passed over, ".." takes one off SCRIPT_NAME. Where PATH_INFO is
 * just "/", the segment is "" and SCRIPT_NAME ends in "/", so that "/x/" can be told from "/x".
 */
export function shiftPathInfo(environ: PathVariables): string | undefined {
  const { PATH_INFO: pathInfo = '', SCRIPT_NAME: scriptName = '' } = environ;
  if (pathInfo === '') return undefined;
  const known = left.get(environ);
  const isLeft = known?.PATH_INFO === pathInfo && known.SCRIPT_NAME === scriptName;
  const parent = isLeft ? scriptName : segmentsOf(scriptName).join('');
  const path = isLeft ? pathInfo : withoutEmpty(pathInfo);
  const end = path.indexOf('/', 1);
  const name = end < 0 ? path.slice(1) : path.slice(1, end);
  if (name === '..') environ.SCRIPT_NAME = parent.slice(0, Math.max(0, parent.lastIndexOf('/')));
  else environ.SCRIPT_NAME = name === '.' ? parent : `${parent}/${name}`;
  environ.PATH_INFO = end < 0 ? '' : path.slice(end);
  left.set(environ, { SCRIPT_NAME: environ.SCRIPT_NAME, PATH_INFO: environ.PATH_INFO });
  // Of "/." nothing is left once it has been passed over.
  return name === '.' ? undefined : name;
}

/** What was left last time need not be looked through again: that would take time by the square of a path's segments. */
const left = new WeakMap<PathVariables, PathVariables>();

/** Returns `path` from its first "/" on, without empty segments and "." before its last one. */
function withoutEmpty(path: string): string {
  const last = path.lastIndexOf('/');
  const segments = segmentsOf(path.slice(path.indexOf('/'), Math.max(0, last))).filter((segment) => segment !== '/.');
  return `${segments.join('')}/${last < 0 ? '' : path.slice(last + 1)}`;
}

/** Those that are not empty, each with its "/". */
function segmentsOf(path: string): string[] {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => `/${segment}`);
}
