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
  const segments = pathInfo.split('/').slice(1);
  const last = segments.pop() ?? '';
  const [name = '', ...rest] = [...segments.filter((segment) => segment !== '' && segment !== '.'), last];

  const parts = scriptName.split('/').filter((part) => part !== '');
  if (name === '..') parts.pop();
  else if (name !== '.') parts.push(name);
  environ.SCRIPT_NAME = parts.map((part) => `/${part}`).join('');
  environ.PATH_INFO = rest.map((segment) => `/${segment}`).join('');
  // Of "/." nothing is left once it has been passed over.
  return name === '.' ? undefined : name;
}
