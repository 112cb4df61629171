// The path of a Unix socket: taken only from the dead, given only to one that listens, and only to one. A socket is bound
// under a name beside it, and gets its own by a hard link, which fails where something is; so one that refuses
// connections is dead, and not about to listen.

import { connect } from 'node:net';
import { fs } from '../fs.ts';

let count = 0;

/** The bytes that a socket's path may have. */
const LONGEST = 107;

/** A name in the same folder that nobody else uses. It is the one that `ss` shows. */
export function nameBeside(path: string): string {
  const { dirname, join } = process.getBuiltinModule('node:path');
  const ending = `.${process.pid.toString(36)}${(count++).toString(36)}`;
  const name = Buffer.byteLength(path + ending) > LONGEST ? join(dirname(path), ending) : path + ending;
  fs.rmSync(name, { force: true }); // of a process that had this number and was killed
  return name;
}

/** Takes a dead socket away from `path`. Rejects with EADDRINUSE when anything else is there. */
export async function free(path: string): Promise<void> {
  const found = identity(path);
  if (found !== undefined && (await refuses(path))) takeAway(path, found);
  if (fs.lstatSync(path, { throwIfNoEntry: false })) throw inUse(path);
}

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

/** By another name first: in this very moment a living one may come in its place, and is put back. */
function takeAway(path: string, dead: string): void {
  if (identity(path) !== dead) return;
  const aside = nameBeside(path);
  try {
    fs.renameSync(path, aside);
    if (identity(aside) !== dead) fs.linkSync(aside, path);
  } catch (error) {
    // Another process was faster, and has taken it away or put its own there.
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EEXIST')) throw error;
  } finally {
    fs.rmSync(aside, { force: true });
  }
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
