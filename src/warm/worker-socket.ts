// The place where the shell and Perl find the worker of a warm script: a socket, and a link beside it that leads somewhere only
// while the worker takes new requests. Of two workers the later one takes the place from the other.

import { fs } from '../fs.ts';

export class WorkerSocket {
  /** The folder of the socket, by a descriptor: the address of a socket has at most 107 bytes. */
  readonly folder: string;
  /** The name of the socket in that folder. */
  readonly name: string;
  /**
   * Where the server listens before `take` is called. Node removes this name when the server closes, and cannot remove by it the
   * socket of another worker.
   */
  readonly firstPath: string;
  #path: string;
  #link: string;
  /** A folder that this process has open. Its path in /proc ends with the process, whereas the number of a process stays with a zombie. */
  #linkTarget: string;
  #identity: string | undefined;

  /** `path` is that of the socket. Its folder must exist. */
  constructor(path: string) {
    const slash = path.lastIndexOf('/');
    const descriptor = fs.openSync(path.slice(0, slash), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    this.folder = `/proc/self/fd/${descriptor}`;
    this.name = path.slice(slash + 1);
    this.firstPath = `${this.folder}/${this.name}.${process.pid}`;
    this.#path = path;
    this.#link = `${path}.pid`;
    this.#linkTarget = `/proc/${process.pid}/fd/${descriptor}`;
  }

  /** Takes the place from whichever worker has it, without a moment in which there is no socket. New requests come to this process. */
  take(): void {
    fs.renameSync(this.firstPath, this.#path);
    this.#identity = identity(this.#path);
    const name = `${this.#link}.${process.pid}`;
    fs.rmSync(name, { force: true });
    fs.symlinkSync(this.#linkTarget, name);
    fs.renameSync(name, this.#link);
    fs.rmSync(`${this.#path}.lock`, { force: true });
  }

  /** Whether this worker still has the place. */
  get isOurs(): boolean {
    return identity(this.#path) === this.#identity;
  }

  /** Whether any worker has the place, or is starting. */
  get isOccupied(): boolean {
    return fs.existsSync(this.#path) || fs.existsSync(`${this.#path}.lock`);
  }

  /** Removes the link, so that no new request comes. Those that have read the link already still connect. */
  hide(): void {
    try {
      if (fs.readlinkSync(this.#link) === this.#linkTarget) fs.unlinkSync(this.#link);
    } catch {
      // Another worker has put its own link there, or somebody has removed it.
    }
  }

  /** Removes the socket, unless it is another worker's. */
  remove(): void {
    if (this.isOurs) fs.rmSync(this.#path, { force: true });
  }
}

/** Returns a text that differs for a later file of the same name; undefined when there is no file. */
export function identity(path: string): string | undefined {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  return status && `${status.ino} ${status.mtimeMs}`;
}
