// Removes the files that killed workers have left beside the socket of this worker, mostly of older versions of the script.

import { fs } from '../fs.ts';
import { refusesConnections } from '../resident/socket-path.ts';
import { STARTUP_TIMEOUT } from './start.ts';

/** Milliseconds before files without a socket are removed: their worker may still finish requests. */
const MIN_AGE = 3_600_000;

/** Matches a file name behind the name of the script: the version, and the ending of a file beside the socket. */
const ENDING = /^([0-9a-f]{12})(\.(?:lock|log|pid)|(?:\.pid)?\.\d+(?:\.[\w.-]+)?)?$/;

/** Removes the files of dead workers from `folder`. `socket` is the name of the living worker's socket in it. Never rejects. */
export async function removeLeftovers(folder: string, socket: string): Promise<void> {
  const script = socket.slice(0, socket.lastIndexOf('.') + 1);
  const versions = new Map<string, string[]>();
  try {
    for (const name of fs.readdirSync(folder)) {
      const [, version, ending = ''] = name.startsWith(script) ? (ENDING.exec(name.slice(script.length)) ?? []) : [];
      if (version === undefined) continue;
      const path = `${folder}/${name}`;
      if (script + version !== socket) versions.set(version, [...(versions.get(version) ?? []), path]);
      // A temporary name: a worker renames it at once.
      else if (/\d/.test(ending) && age(path) > MIN_AGE) remove([path]);
    }
    for (const [version, paths] of versions) if (await isDead(`${folder}/${script}${version}`, paths)) remove(paths);
  } catch {
    // Another worker may remove the same files.
  }
}

async function isDead(socket: string, paths: string[]): Promise<boolean> {
  const isStarting = paths.some((path) => path.endsWith('.lock') && age(path) < STARTUP_TIMEOUT);
  if (isStarting) return false;
  return fs.existsSync(socket) ? refusesConnections(socket) : paths.every((path) => age(path) > MIN_AGE);
}

/** Milliseconds since the last write to `path`. */
function age(path: string): number {
  return Math.abs(Date.now() - fs.lstatSync(path).mtimeMs);
}

function remove(paths: string[]): void {
  for (const path of paths) fs.rmSync(path, { force: true });
}
