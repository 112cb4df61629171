// Programs that are installed on this machine.

import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the paths of all programs called `name` in the folders of the PATH, in their order. */
export function programsInPath(name: string): string[] {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.map((folder) => join(folder, name)).filter(isProgram);
}

/** Whether this process may run the file at `path`. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
