// Reads and writes descriptors as a parent process leaves them: pipes, sockets, files, terminals, closed and non-blocking ones.
// process.stdin and process.stdout are not used: they make a descriptor non-blocking for every process that shares it, and
// drop output at exit.

import { codeOf } from '../error-code.ts';
import { RequestError } from '../errors.ts';
import { fs } from '../fs.ts';

/** The folder of Linux in which a process can open its own descriptors again. */
const SELF = '/proc/self/fd/';

/** Codes of the errors that mean that nothing reads what is written any more. */
const PEER_GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET', 'ENOTCONN', 'ESHUTDOWN', 'ETIMEDOUT']);

/** Waits for bytes, puts them at the start of `buffer`, and returns how many; 0 at the end. Throws the error of a read that fails. */
export function readDescriptor(descriptor: number, buffer: Uint8Array): number {
  for (let tries = 0; ; tries++) {
    try {
      return fs.readSync(descriptor, buffer, 0, buffer.length, null);
    } catch (error) {
      if (!isTemporary(error)) throw error;
      pause(tries);
    }
  }
}

/** Reads as `readDescriptor` does, but without blocking the event loop. */
export async function readDescriptorAsync(descriptor: number, buffer: Uint8Array): Promise<number> {
  for (let tries = 0; ; tries++) {
    const [error, count] = await new Promise<[error: unknown, count: number]>((resolve) => {
      fs.read(descriptor, buffer, 0, buffer.length, null, (...result) => resolve([result[0], result[1]]));
    });
    if (!error) return count;
    if (!isTemporary(error)) throw error;
    await new Promise((resume) => setTimeout(resume, delay(tries)));
  }
}

/**
 * Opens the pipe behind `descriptor` once more, for reads that do not wait. Returns undefined if it is no pipe, or cannot be
 * opened.
 */
export function openNonBlocking(descriptor: number): number | undefined {
  if (!target(descriptor).startsWith('pipe:')) return undefined;
  try {
    return fs.openSync(SELF + descriptor, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    return undefined; // the pipe of another user
  }
}

/** Puts bytes that are there already at the start of `buffer`, and returns how many: 0 if there are none, and at the end. */
export function readAvailable(descriptor: number, buffer: Uint8Array): number {
  try {
    return fs.readSync(descriptor, buffer, 0, buffer.length, null);
  } catch {
    return 0;
  }
}

/** Writes all of `bytes`, however slowly the reader takes them. Throws a `RequestError` if it takes no more. */
export function writeDescriptor(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  for (let tries = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(descriptor, bytes, done, bytes.length - done);
      tries = 0;
    } catch (error) {
      const code = codeOf(error);
      if (PEER_GONE.has(code)) {
        throw new RequestError('client-gone', `The client left after ${done} of ${bytes.length} bytes of a block`, 500, { cause: error });
      }
      if (!isTemporary(error)) {
        const message = `The response could not be written to descriptor ${descriptor}: ${code}`;
        throw new RequestError('output-failed', message, 500, { cause: error });
      }
      pause(tries++);
    }
  }
}

/** Writes `text` as UTF-8, as `writeDescriptor` does. Short text, which is written in one piece, needs no buffer. */
export function writeText(descriptor: number, text: string): void {
  let done = 0;
  try {
    done = fs.writeSync(descriptor, text);
  } catch {
    // writeDescriptor() meets the same error again, and deals with it.
  }
  if (done < text.length || done < Buffer.byteLength(text)) writeDescriptor(descriptor, Buffer.from(text).subarray(done));
}

/**
 * Returns what is behind `descriptor`, in a form that differs for different things: "pipe:[4026]", "socket:[1138]", or a path.
 * A FIFO, which is a pipe with a path, is "pipe:259:4026". Returns "" if the system does not show it.
 */
export function target(descriptor: number): string {
  const link = linkOf(descriptor);
  // Only a link that is a path can lead to a FIFO. The first fstat() of a process costs more than reading all the links.
  if (link !== '' && (!link.startsWith('/') || link === '/dev/null')) return link;
  try {
    const found = fs.fstatSync(descriptor);
    if (link === '') return found.isFIFO() ? `pipe:[${found.ino}]` : found.isSocket() ? `socket:[${found.ino}]` : '';
    return found.isFIFO() ? `pipe:${found.dev}:${found.ino}` : link;
  } catch {
    return link;
  }
}

function linkOf(descriptor: number): string {
  try {
    return fs.readlinkSync(SELF + descriptor);
  } catch {
    return ''; // not Linux, or a host that hides /proc
  }
}

/**
 * Opens the pipe behind `descriptor` once more for writing. The new descriptor can be non-blocking without changing the other.
 * Returns undefined if that fails: without /proc, or for a pipe of another user.
 */
export function reopenPipe(descriptor: number, flags = 0): number | undefined {
  const path = SELF + descriptor;
  try {
    // To open a pipe for writing waits for a reader, and the only one may just have left. A reader of our own ends the wait.
    const reader = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      return fs.openSync(path, fs.constants.O_WRONLY | flags);
    } finally {
      fs.closeSync(reader);
    }
  } catch {
    return undefined;
  }
}

/** Sleeps, longer with each try. Node cannot wait for a descriptor to become ready without the event loop. */
export function pause(tries: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay(tries));
}

/** Returns for how many milliseconds to sleep. */
function delay(tries: number): number {
  return Math.min(1 + tries, 16);
}

/** Whether to try again: the descriptor is non-blocking and not ready, or a signal has interrupted the call. */
export function isTemporary(error: unknown): boolean {
  return codeOf(error) === 'EAGAIN' || codeOf(error) === 'EINTR';
}
