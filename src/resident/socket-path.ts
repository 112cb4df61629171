// The path of a Unix socket: taken only from the dead, given only to one that listens, and only to one. A socket is bound
// under a name beside it, and gets its own by a hard link, which fails where something is; so one that refuses
// connections is dead, and not about to listen.

import { connect } from 'node:net';
import { fs } from '../fs.ts';
import { alone } from './path-lock.ts';

/** Takes a dead socket away from `path`. Rejects with EADDRINUSE when anything else is there. */
export async function free(path: string): Promise<void> {
  if (await refuses(path)) {
    // Whoever sees it dead, and is slow, must not take away what has come in its place.
    await alone(path, async () => {
      const found = identity(path);
      if (found !== undefined && (await refuses(path)) && identity(path) === found) fs.unlinkSync(path);
    });
  }
  if (fs.lstatSync(path, { throwIfNoEntry: false })) throw inUse(path);
}

/** Whether nobody listens at the socket that is there. */
export function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const answer = (isDead: boolean) => {
      probe.destroy();
      resolve(isDead);
    };
    probe.on('connect', () => answer(false));
    probe.on('error', (error: NodeJS.ErrnoException) => answer(error.code === 'ECONNREFUSED'));
  });
}

/** Gives the socket `name`, which is bound, its `path`. Returns what takes it away again. Throws EADDRINUSE. */
export function publish(name: string, path: string): () => void {
  try {
    fs.linkSync(name, path);
  } catch (error) {
    throw hasCode(error, 'EEXIST') ? inUse(path) : error;
  } finally {
    fs.unlinkSync(name);
  }
  const own = identity(path);
  return () => {
    if (own !== undefined && identity(path) === own) fs.unlinkSync(path);
  };
}

/** What tells a socket from a later one of the same name; undefined for what is no socket. */
function identity(path: string): string | undefined {
  const status = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // A rename, a link, chmod and chown leave the time of modification as it is.
  return status?.isSocket() ? `${status.dev} ${status.ino} ${status.mtimeNs}` : undefined;
}

function inUse(path: string): Error {
  return Object.assign(new Error(`listen EADDRINUSE: address already in use ${path}`), {
    code: 'EADDRINUSE',
    syscall: 'listen',
    address: path,
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
