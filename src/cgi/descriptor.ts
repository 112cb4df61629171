// Reading and writing descriptors as they come from a parent process: pipes, sockets, files, terminals,
// closed ones, and ones that somebody made non-blocking. process.stdin and process.stdout are never
// touched: they make a descriptor non-blocking for everyone who shares it, and drop output at exit.

import { RequestError } from '../errors.ts';
import { fs } from '../fs.ts';

/** Where Linux lets a process open its own descriptors anew. */
const SELF = '/proc/self/fd/';

const PEER_GONE: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET', 'ENOTCONN', 'ESHUTDOWN', 'ETIMEDOUT']);

/** Fills the start of `buffer` and returns the count of bytes. Waits for the first; 0 at the end, which an error is, too. */
export function readDescriptor(descriptor: number, buffer: Uint8Array): number {
  for (let tries = 0; ; tries++) {
    try {
      return fs.readSync(descriptor, buffer, 0, buffer.length, null);
    } catch (error) {
      if (!isTemporary(error)) return 0;
      pause(tries);
    }
  }
}

/** The same without blocking the event loop. */
export async function readDescriptorAsync(descriptor: number, buffer: Uint8Array): Promise<number> {
  for (let tries = 0; ; tries++) {
    const [error, count] = await new Promise<[error: unknown, count: number]>((resolve) => {
      fs.read(descriptor, buffer, 0, buffer.length, null, (...result) => resolve([result[0], result[1]]));
    });
    if (!error) return count;
    if (!isTemporary(error)) return 0;
    await new Promise((resume) => setTimeout(resume, patience(tries)));
  }
}

/** Opens the pipe behind `descriptor` anew for reads that do not wait. Undefined for anything else, and where that cannot be done. */
export function openReady(descriptor: number): number | undefined {
  if (!target(descriptor).startsWith('pipe:')) return undefined;
  try {
    return fs.openSync(SELF + descriptor, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    return undefined; // another user's
  }
}

/** Fills the start of `buffer` with what is there already. Returns the count of bytes; 0 when there is nothing, or an end. */
export function readReady(descriptor: number, buffer: Uint8Array): number {
  try {
    return fs.readSync(descriptor, buffer, 0, buffer.length, null);
  } catch {
    return 0;
  }
}

/** Writes all of `bytes`, however slowly the peer takes them. Throws a `RequestError` when nobody takes them any more. */
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

/** The same for text, as UTF-8; for short ones without the cost of a buffer. */
export function writeText(descriptor: number, text: string): void {
  let done = 0;
  try {
    done = fs.writeSync(descriptor, text);
  } catch {
    // What went wrong will go wrong again below, where it is dealt with.
  }
  if (done < text.length || done < Buffer.byteLength(text)) writeDescriptor(descriptor, Buffer.from(text).subarray(done));
}

/**
 * What is behind `descriptor`, in a form that tells two apart: "pipe:[4026]", "socket:[1138]", a path; "" when that is not
 * known. A pipe with a name, a FIFO, is a pipe in every respect, and no path: "pipe:259:4026".
 */
export function target(descriptor: number): string {
  const link = linkOf(descriptor);
  // Only a path may be a FIFO's. To ask once more costs a process that has not asked before more than all the links do.
  if (!link.startsWith('/') || link === '/dev/null') return link;
  const found = fs.fstatSync(descriptor);
  return found.isFIFO() ? `pipe:${found.dev}:${found.ino}` : link;
}

function linkOf(descriptor: number): string {
  try {
    return fs.readlinkSync(SELF + descriptor);
  } catch {
    return ''; // no Linux, or a host that hides /proc
  }
}

/**
 * Opens the pipe behind `descriptor` anew for writing, so that it can be blocking or not for us alone.
 * Returns undefined where that cannot be done: no /proc, or a pipe that belongs to another user.
 */
export function reopenPipe(descriptor: number, flags = 0): number | undefined {
  const path = SELF + descriptor;
  try {
    // Opening a pipe for writing waits until it has a reader, and ours may just have left. So be one for a moment.
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

/** Waits a little longer each time. Node cannot wait for a descriptor to become ready without an event loop. */
export function pause(tries: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, patience(tries));
}

function patience(tries: number): number {
  return Math.min(1 + tries, 16);
}

/** Somebody made the descriptor non-blocking, or a signal came between. */
export function isTemporary(error: unknown): boolean {
  return codeOf(error) === 'EAGAIN' || codeOf(error) === 'EINTR';
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error && error.code;
}
