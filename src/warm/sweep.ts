// What workers that were killed have left beside the socket of this one, mostly those of older versions of the script.

import { fs } from '../fs.ts';
import { refusesConnections } from '../resident/socket-path.ts';
import { PATIENCE } from './start.ts';

/** Milliseconds for which what has no socket is left alone: its worker may have requests to finish. */
const LONG = 3_600_000;

/** Behind the script's name: its version, and what a worker of that has beside its socket. */
const ENDING = /^([0-9a-f]{12})(\.(?:lock|log|pid)|(?:\.pid)?\.\d+(?:\.[\w.-]+)?)?$/;

/** Removes from `folder` what dead workers have left there; `socket`, a name in it, is that of a living one. Never rejects. */
export async function sweep(folder: string, socket: string): Promise<void> {
  const script = socket.slice(0, socket.lastIndexOf('.') + 1);
  const versions = new Map<string, string[]>();
  try {
    for (const name of fs.readdirSync(folder)) {
      const [, version, ending = ''] = name.startsWith(script) ? (ENDING.exec(name.slice(script.length)) ?? []) : [];
      if (version === undefined) continue;
      const path = `${folder}/${name}`;
      if (script + version !== socket) versions.set(version, [...(versions.get(version) ?? []), path]);
      // A name that a worker has for a moment.
      else if (/\d/.test(ending) && age(path) > LONG) remove([path]);
    }
    for (const [version, paths] of versions) if (await isDead(`${folder}/${script}${version}`, paths)) remove(paths);
  } catch {
    // Others sweep, too.
  }
}

async function isDead(socket: string, paths: string[]): Promise<boolean> {
  const isStarting = paths.some((path) => path.endsWith('.lock') && age(path) < PATIENCE);
  if (isStarting) return false;
  return fs.existsSync(socket) ? refusesConnections(socket) : paths.every((path) => age(path) > LONG);
}

/** Milliseconds since it was last written to. */
function age(path: string): number {
  return Math.abs(Date.now() - fs.lstatSync(path).mtimeMs);
}

function remove(paths: string[]): void {
  for (const path of paths) fs.rmSync(path, { force: true });
}
