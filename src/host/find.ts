// Finds the file in a folder that a URL path leads to. All paths are byte strings, because file names need not be UTF-8.

import { access, constants, realpath, stat } from 'node:fs/promises';

export interface Found {
  /** The path of the file. */
  path: string;
  /** The part of the URL path that led to the file, without empty segments. */
  name: string;
  /** The rest of the URL path. */
  pathInfo: string;
}

/**
 * Follows `pathInfo` into `folder` and the folders below it, and returns the first file on it. Returns undefined if there is
 * none, if a name on the way begins with a dot, or if a link leads out of `folder`.
 */
export async function findFile(folder: string, pathInfo: string): Promise<Found | undefined> {
  if (pathInfo.includes('\0')) return undefined;
  const [, ...segments] = pathInfo.split('/');
  let name = '';
  for (const [at, segment] of segments.entries()) {
    if (segment === '') continue; // every server takes "//" for "/"
    if (segment.startsWith('.')) return undefined; // "..", ".", and hidden files
    name += `/${segment}`;
    const path = folder + name;
    const found = await stat(bytes(path)).catch(() => undefined);
    if (found?.isDirectory()) continue;
    if (!found?.isFile() || !(await isBelow(folder, path))) return undefined;
    const rest = segments.slice(at + 1).map((segment) => `/${segment}`);
    return { path, name, pathInfo: rest.join('') };
  }
  return undefined;
}

/** Whether this process may read or execute the file at `path`. */
export async function hasAccess(mode: 'read' | 'execute', path: string): Promise<boolean> {
  return access(bytes(path), mode === 'read' ? constants.R_OK : constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function isBelow(folder: string, path: string): Promise<boolean> {
  const [real, base] = await Promise.all([realpath(bytes(path), 'latin1'), realpath(bytes(folder), 'latin1')]);
  return real.startsWith(base.endsWith('/') ? base : `${base}/`);
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}
