// Descriptor 1 is the response and nothing else. What a dependency prints must not get there, neither
// through Node's streams nor, where that can be helped, by number or from a child process.

import type { Writable } from 'node:stream';
import { fs } from '../fs.ts';
import type { ErrorStream } from '../types.ts';
import { reopenPipe, target } from './descriptor.ts';
import { openErrors } from './stderr.ts';

/** Taken, and not yet given to anybody. */
let reserved: number | undefined;

/** Takes descriptor 1 for a response that comes later: what is printed from now on goes to the log. */
export function reserveStdout(): void {
  reserved = takeStdout();
  printTo(openErrors(2, reserved));
}

export const LOG = '/proc/self/fd/2';

/**
 * Returns the descriptor for the response. Where that is a pipe it is one of our own, which no child
 * process inherits (one that outlives us would hold the response open), and descriptor 1 becomes a
 * second way to the log, or to `printed`. A socket, which cannot be opened anew, and a file stay where they are.
 */
export function takeStdout(printed?: string): number {
  if (reserved !== undefined) {
    const response = reserved;
    reserved = undefined;
    return response;
  }
  const response = target(1).startsWith('pipe:') ? reopenPipe(1) : undefined;
  if (response === undefined) return 1;
  // Not if the log is a pipe, too: it may be the response (mini_httpd, merecat), or one whose end the server awaits (mod_cgi).
  replace(1, printed ?? (target(2).startsWith('pipe:') ? '/dev/null' : LOG));
  return response;
}

/**
 * Tells the server that the response is complete, while this process still has something to do.
 * Descriptor 0 goes too: under Apache's mod_cgid it is the same socket.
 */
export function closeResponse(response: number): void | Promise<void> {
  if (hasStartedChildren() && target(response).startsWith('socket:')) return shutdown(response);
  if (response === 1) replace(1, '/dev/null');
  else fs.closeSync(response);
  replace(0, '/dev/null');
}

/** Puts `path` in the place of `descriptor`, lest the next file that anybody opens becomes standard output. */
function replace(descriptor: number, path: string): void {
  // Each open takes the lowest free number, which is the one just closed.
  fs.closeSync(descriptor);
  for (const candidate of [path, '/dev/null']) {
    try {
      // Without O_NONBLOCK a log that nobody reads any more would keep us waiting for a reader.
      fs.openSync(
        candidate,
        descriptor === 0 ? fs.constants.O_RDONLY : fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_NONBLOCK,
      );
      return;
    } catch {
      // Another user's file, a socket, no /proc: then nothing.
    }
  }
}

/** A socket ends for the server when all its copies are closed, those of children too, or when it is shut down. */
async function shutdown(socket: number): Promise<void> {
  const { Socket } = process.getBuiltinModule('node:net');
  await new Promise((resolve) => {
    new Socket({ fd: socket, readable: false, writable: true }).on('error', resolve).on('close', resolve).end();
  });
}

/** Whether this process can have child processes: an approximation that costs nothing. */
export function hasStartedChildren(): boolean {
  const loaded: unknown = Reflect.get(process, 'moduleLoadList');
  return Array.isArray(loaded) && loaded.includes('NativeModule child_process');
}

/** From now on console.* and process.stdout write to `errors`, and process.stderr does so without Node's own stream. */
export function printTo(errors: ErrorStream): void {
  let stream: Writable | undefined;
  // node:stream takes a millisecond to load: not before somebody prints.
  const get = () => (stream ??= streamOver(errors));
  for (const name of ['stdout', 'stderr']) {
    // Bun makes its stream for whoever defines this property, in 8 ms, but not for whoever has assigned it.
    Reflect.set(process, name, undefined);
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
    /* v8 ignore next 2 */ // Bun, which test/build runs, writes no V8 coverage.
    // The console has its own reference once it has been used. Bun's would ask for the stream now.
    if (!('bun' in process.versions)) Object.defineProperty(console, `_${name}`, { configurable: true, get });
  }
  /* v8 ignore next 2 */
  // Bun's writes to the descriptors, whatever the streams are.
  if ('bun' in process.versions) Object.assign(console, { log: console.error, info: console.error, debug: console.error });
}

function streamOver(errors: ErrorStream): Writable {
  const { Writable } = process.getBuiltinModule('node:stream');
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      errors.write(chunk.toString());
      done();
    },
  });
  // What looks for the descriptor behind a standard stream finds the log's.
  return Object.assign(stream, { fd: 2 });
}
