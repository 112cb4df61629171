// The path of a Unix socket: removes a socket that a dead process has left, and publishes one that listens already.
//
// A socket is bound under a temporary name beside its path, and gets the path by a hard link once it listens. A link fails
// where something exists, so no process takes the path of another; and a socket at the path that refuses connections
// belongs to a dead process, never to one that is about to listen.

import { connect } from 'node:net';
import { codeOf } from '../error-code.ts';
import { fs } from '../fs.ts';
import { withPathLock } from './path-lock.ts';

/** Removes a dead socket from `path`. Rejects with EADDRINUSE when anything else is there. */
export async function removeDeadSocket(path: string): Promise<void> {
  if (await refusesConnections(path)) {
    // A slow process that saw the dead socket must not remove the living one that has replaced it since.
    await withPathLock(path, async () => {
      const found = socketIdentity(path);
      if (found !== undefined && (await refusesConnections(path)) && socketIdentity(path) === found) fs.unlinkSync(path);
    });
  }
  if (fs.lstatSync(path, { throwIfNoEntry: false })) throw addressInUse(path);
}

/** Whether the socket at `path` refuses connections, because no process listens on it. */
export function refusesConnections(path: string): Promise<boolean> {
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

/**
 * Gives the socket that is bound as `temporary` its `path`, and removes the temporary name. Returns a function that removes
 * the path again, if the socket is still there. Throws EADDRINUSE when something is at the path.
 */
export function publishSocket(temporary: string, path: string): () => void {
  try {
    fs.linkSync(temporary, path);
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? addressInUse(path) : error;
  } finally {
    fs.unlinkSync(temporary);
  }
  const published = socketIdentity(path);
  return () => {
    if (published !== undefined && socketIdentity(path) === published) fs.unlinkSync(path);
  };
}

/** Returns text that tells a socket from a later one at the same path; undefined where there is no socket. */
function socketIdentity(path: string): string | undefined {
  const status = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // Inode numbers come again. The time of modification stays as it is through rename, link, chmod and chown.
  return status?.isSocket() ? `${status.dev} ${status.ino} ${status.mtimeNs}` : undefined;
}

function addressInUse(path: string): Error {
  return Object.assign(new Error(`listen EADDRINUSE: address already in use ${path}`), {
    code: 'EADDRINUSE',
    syscall: 'listen',
    address: path,
  });
}
