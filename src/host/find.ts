// Which file of a folder a path leads to. All paths are byte strings, so that every name there can be is found.

import { access, constants, realpath, stat } from 'node:fs/promises';

export interface Found {
  /** The file. */
  path: string;
  /** The part of the path that led to it, without empty segments. */
  name: string;
  /** What is left of the path behind it. */
  pathInfo: string;
}

/**
 * Returns the first file on `pathInfo` in `folder` and the folders below it; undefined when there is none, when
 * something on the way there begins with a dot, or when a link leads out of `folder`.
 */
export async function findFile(folder: string, pathInfo: string): Promise<Found | undefined> {
  if (pathInfo.includes('\0')) return undefined;
  const [, ...segments] = pathInfo.split('/');
  let name = '';
  for (const [at, segment] of segments.entries()) {
    if (segment === '') continue; // "//" is "/" to every server
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

/** Whether this process may do with the file at `path` what `mode`, a constant of node:fs, says. */
export async function may(mode: 'read' | 'execute', path: string): Promise<boolean> {
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
