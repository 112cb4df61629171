// A lock for the path of a Unix socket, and temporary names beside that path. Node has no flock(), and a lock file that a
// killed process has left would have to be taken over, which needs a lock again. So each process writes a file of its own,
// whose name says which process it belongs to: any process may remove the files of dead ones, and none is in the way.

import { setTimeout as sleep } from 'node:timers/promises';
import { fs } from '../fs.ts';

/** The most bytes that the path of a Unix socket may have: unix(7). */
const LONGEST_PATH = 107;
/** Milliseconds after which the file of a process in another container, whose end cannot be seen, counts as left behind. */
const STALE_AFTER = 120_000;
/** Milliseconds after which a process gives up waiting for the lock. */
const LOCK_TIMEOUT = 5_000;
/** The longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE = 20;

/** The end of a file's name: number, start and pid namespace of its process, and a count that tells its files apart. */
const ENDING = /^\.([0-9a-z]+)-([0-9a-z]+)-([0-9a-z]+)-[0-9a-z]+(?:\.claim)?$/;

let count = 0;

/** Returns a name beside `path` that no other process uses, to bind a socket by. `ss` shows the socket under this name. */
export function temporaryName(path: string): string {
  try {
    removeFilesOfTheDead(filesBeside(path));
  } catch {
    // The folder does not exist, or cannot be read. Binding the socket will fail, and say so.
  }
  const name = path + ownEnding();
  if (Buffer.byteLength(name) <= LONGEST_PATH) return name;
  const { dirname, join } = process.getBuiltinModule('node:path');
  return join(dirname(path), `.${(process.hrtime.bigint() % 36n ** 5n).toString(36)}`);
}

/**
 * Runs `step` while no other process runs a step for the same `path`. Returns false, without running it, when other processes
 * hold the lock for five seconds.
 *
 * Each process first creates a claim, then looks for the claims of others, and steps back if there is one. Of two processes
 * at least one sees the other's claim.
 */
export async function withPathLock(path: string, step: () => Promise<void>): Promise<boolean> {
  const end = Date.now() + LOCK_TIMEOUT;
  while (Date.now() < end) {
    const claim = `${path}${ownEnding()}.claim`;
    try {
      fs.closeSync(fs.openSync(claim, 'wx', 0o600));
      const claims = removeFilesOfTheDead(filesBeside(path)).filter((name) => name.endsWith('.claim'));
      if (claims.every((name) => name === claim)) {
        await step();
        return true;
      }
    } catch (error) {
      if (error instanceof Error) error.message = error.message.replace(claim, path);
      throw error;
    } finally {
      fs.rmSync(claim, { force: true });
    }
    await sleep(Math.random() * LONGEST_PAUSE);
  }
  return false;
}

interface FileOfProcess {
  name: string;
  /** Whether the process that made it has ended. */
  isLeft: boolean;
}

/** Returns the names of the files that remain. */
function removeFilesOfTheDead(files: FileOfProcess[]): string[] {
  for (const { name, isLeft } of files) if (isLeft) fs.rmSync(name, { force: true });
  return files.flatMap(({ name, isLeft }) => (isLeft ? [] : [name]));
}

function ownEnding(): string {
  return `.${[process.pid, startOf(process.pid) ?? 0, pidNamespace(), count++].map((number) => number.toString(36)).join('-')}`;
}

function filesBeside(path: string): FileOfProcess[] {
  const { dirname, basename, join } = process.getBuiltinModule('node:path');
  const folder = dirname(path);
  const beginning = basename(path);
  return fs.readdirSync(folder).flatMap((file) => {
    const [, ...numbers] = (file.startsWith(beginning) && ENDING.exec(file.slice(beginning.length))) || [];
    const [pid = 0, start, namespace = 0] = numbers.map((number) => Number.parseInt(number, 36));
    if (pid <= 0) return [];
    const name = join(folder, file);
    const canBeSeen = namespace === pidNamespace() && namespace > 0;
    return [{ name, isLeft: canBeSeen ? startOf(pid) !== start : isStale(name) }];
  });
}

function isStale(name: string): boolean {
  const status = fs.lstatSync(name, { throwIfNoEntry: false });
  return status !== undefined && Math.abs(Date.now() - status.mtimeMs) > STALE_AFTER;
}

/**
 * Returns when the process `pid` began, in ticks since the system did; undefined when it has ended. Process numbers come
 * again, but no number comes twice with the same start.
 */
function startOf(pid: number): number | undefined {
  try {
    const status = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // proc(5): the state follows the name in parentheses, which may hold anything; the start comes 19 fields later.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

/** Returns the inode of this process's pid namespace; 0 where the system has none. */
function pidNamespace(): number {
  return fs.statSync('/proc/self/ns/pid', { throwIfNoEntry: false })?.ino ?? 0;
}
