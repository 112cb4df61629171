// Folders in which programs keep files between requests, as sockets and compiled code. Only one user can enter such a folder,
// because its files decide what the other processes of that user run.

import { fs } from './fs.ts';

/** Returns the path of this user's folder among the temporary files. It may be missing, or another user may have made it. */
export function temporaryFolder(): string {
  return `${process.env.TMPDIR || '/tmp'}/run-with-cgi-${process.geteuid?.()}`;
}

/** Makes `folder`, and those above it, unless it exists. Returns false when others can enter it. Throws where it cannot be made. */
export function makePrivateFolder(folder: string): boolean {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return isPrivateFolder(folder);
}

/** Whether `folder` is a folder, and no link to one, that belongs to this user and that nobody else can enter. */
export function isPrivateFolder(folder: string): boolean {
  try {
    const status = fs.lstatSync(folder, { throwIfNoEntry: false });
    return status?.isDirectory() === true && isPrivate(status);
  } catch {
    return false; // below a folder that this user cannot enter
  }
}

/** Whether a file or folder belongs to this user, and others have no right to it. */
export function isPrivate({ uid, mode }: { uid: number; mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & 0o077) === 0;
}

/**
 * Makes the file `lock`, by which processes agree who does a piece of work. Returns false when another process has made it, unless
 * that was `duration` milliseconds ago: then the other one may have been killed. Of many processes at that moment several may
 * get true.
 */
export function takeLock(lock: string, duration: number): boolean {
  try {
    fs.closeSync(fs.openSync(lock, 'wx', 0o600));
  } catch {
    const age = Date.now() - fs.statSync(lock).mtimeMs;
    if (age >= 0 && age < duration) return false;
    const now = new Date();
    fs.utimesSync(lock, now, now);
  }
  return true;
}
