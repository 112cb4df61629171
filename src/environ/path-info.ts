// shiftPathInfo(): how an application that contains others takes the URL path apart, one segment at a time.

/** The part of environ that says how much of the path has been used. */
export interface PathVariables {
  SCRIPT_NAME?: string | undefined;
  PATH_INFO?: string | undefined;
}

/**
 * Moves the first segment of PATH_INFO to the end of SCRIPT_NAME, in place, and returns it. Returns undefined when no segment
 * is left. Skips empty segments and "."; for ".." it removes the last segment of SCRIPT_NAME. If PATH_INFO is "/", the segment
 * is "" and SCRIPT_NAME ends in "/", so that an application can tell "/x/" from "/x".
 */
export function shiftPathInfo(environ: PathVariables): string | undefined {
  const { PATH_INFO: pathInfo = '', SCRIPT_NAME: scriptName = '' } = environ;
  if (pathInfo === '') return undefined;
  const known = cleaned.get(environ);
  const isClean = known?.PATH_INFO === pathInfo && known.SCRIPT_NAME === scriptName;
  const parent = isClean ? scriptName : segmentsOf(scriptName).join('');
  const path = isClean ? pathInfo : withoutEmptySegments(pathInfo);
  const end = path.indexOf('/', 1);
  const name = end < 0 ? path.slice(1) : path.slice(1, end);
  if (name === '..') environ.SCRIPT_NAME = parent.slice(0, Math.max(0, parent.lastIndexOf('/')));
  else environ.SCRIPT_NAME = name === '.' ? parent : `${parent}/${name}`;
  environ.PATH_INFO = end < 0 ? '' : path.slice(end);
  cleaned.set(environ, { SCRIPT_NAME: environ.SCRIPT_NAME, PATH_INFO: environ.PATH_INFO });
  // Only the last segment can still be ".", and then no segment is left.
  return name === '.' ? undefined : name;
}

/**
 * The path that the last call left in each environ. It is clean already: to clean the rest of the path in every call would take
 * time by the square of the number of segments.
 */
const cleaned = new WeakMap<PathVariables, PathVariables>();

/** Returns `path` from its first "/" on, without empty segments and "." before the last segment. */
function withoutEmptySegments(path: string): string {
  const last = path.lastIndexOf('/');
  const segments = segmentsOf(path.slice(path.indexOf('/'), Math.max(0, last))).filter((segment) => segment !== '/.');
  return `${segments.join('')}/${last < 0 ? '' : path.slice(last + 1)}`;
}

/** Returns the segments of `path` that are not empty, each with its "/". */
function segmentsOf(path: string): string[] {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => `/${segment}`);
}
