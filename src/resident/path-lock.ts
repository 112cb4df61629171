// Files that a process has for a moment beside a socket's path. Their names tell whose they are, so that what a process
// leaves behind when it is killed is in nobody's way.

import { setTimeout as sleep } from 'node:timers/promises';
import { fs } from '../fs.ts';

/** The bytes that a socket's path may have. */
const LONGEST = 107;
/** Milliseconds after which a file is left behind when its process cannot be asked about, since it is in another container. */
const STALE = 120_000;
/** Milliseconds for which a process waits for others, and at most between two looks. */
const PATIENCE = 5_000;
const PAUSE = 20;

/** Behind the path: number, start and pid namespace of a process, and what tells its files apart. */
const ENDING = /^\.([0-9a-z]+)-([0-9a-z]+)-([0-9a-z]+)-[0-9a-z]+(?:\.claim)?$/;

let count = 0;

/** A name in the same folder that nobody else uses, to bind a socket by. It is the one that `ss` shows. */
export function nameBeside(path: string): string {
  try {
    removeLeft(beside(path));
  } catch {
    // There is no such folder, or it is closed to us: to bind the socket will tell.
  }
  const name = path + ownEnding();
  if (Buffer.byteLength(name) <= LONGEST) return name;
  const { dirname, join } = process.getBuiltinModule('node:path');
  return join(dirname(path), `.${(process.hrtime.bigint() % 36n ** 5n).toString(36)}`);
}

/**
 * Runs `step` while no other process runs one for this path. Each says first that it wants to, by a file, and looks then who else
 * has said so; of two at least one sees the other, and steps back. Nobody removes or takes over a file that is not its
 * own but for those of the dead, whose names never come again. Returns false when others do not come to an end.
 */
export async function alone(path: string, step: () => Promise<void>): Promise<boolean> {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const claim = `${path}${ownEnding()}.claim`;
    try {
      fs.closeSync(fs.openSync(claim, 'wx', 0o600));
      const claims = removeLeft(beside(path)).filter((name) => name.endsWith('.claim'));
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
    await sleep(Math.random() * PAUSE);
  }
  return false;
}

/** Returns the names of the others. */
function removeLeft(files: { name: string; isLeft: boolean }[]): string[] {
  for (const { name, isLeft } of files) if (isLeft) fs.rmSync(name, { force: true });
  return files.flatMap(({ name, isLeft }) => (isLeft ? [] : [name]));
}

function ownEnding(): string {
  return `.${[process.pid, startOf(process.pid) ?? 0, namespace(), count++].map((number) => number.toString(36)).join('-')}`;
}

/** The files of this kind, and whether their process has ended. */
function beside(path: string): { name: string; isLeft: boolean }[] {
  const { dirname, basename, join } = process.getBuiltinModule('node:path');
  const folder = dirname(path);
  const beginning = basename(path);
  return fs.readdirSync(folder).flatMap((file) => {
    const [, ...words] = (file.startsWith(beginning) && ENDING.exec(file.slice(beginning.length))) || [];
    const [pid = 0, start, where] = words.map((word) => Number.parseInt(word, 36));
    const name = join(folder, file);
    return pid > 0 ? [{ name, isLeft: where === namespace() && where > 0 ? startOf(pid) !== start : isStale(name) }] : [];
  });
}

function isStale(name: string): boolean {
  const status = fs.lstatSync(name, { throwIfNoEntry: false });
  return status !== undefined && Math.abs(Date.now() - status.mtimeMs) > STALE;
}

/** When a process began, in ticks since the system did: numbers come again, but not at the same time. Undefined when it has ended. */
function startOf(pid: number): number | undefined {
  try {
    const status = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // proc(5): behind the name, which may hold anything, the state, and 19 fields later the start.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

/** 0 where there is none. */
function namespace(): number {
  return fs.statSync('/proc/self/ns/pid', { throwIfNoEntry: false })?.ino ?? 0;
}
