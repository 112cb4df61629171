// Keeps descriptor 1 for the response alone. What an application or its dependencies print goes to the log, through the console
// and process.stdout, and as far as possible also by the number 1 and from child processes.

import type { Writable } from 'node:stream';
import { fs } from '../fs.ts';
import type { ErrorStream } from '../types.ts';
import { reopenPipe, target } from './descriptor.ts';
import { openErrors } from './stderr.ts';

/** The descriptor that `reserveStdout` has taken, until `takeStdout` returns it. */
let reserved: number | undefined;

/** Takes descriptor 1 for a response that comes later. What is printed from now on goes to the log. */
export function reserveStdout(): void {
  reserved = takeStdout();
  printTo(openErrors(2, reserved));
}

/** The path by which a process opens its descriptor 2 once more. */
export const LOG = '/proc/self/fd/2';

/**
 * Returns the descriptor for the response. If descriptor 1 is a pipe, that is a new descriptor of it, which child processes do
 * not inherit: a child that outlives this process would hold the response open. Descriptor 1 then leads to the log, or to the
 * path `printed`. For a file, and for a socket, which cannot be opened again, it is descriptor 1 itself.
 */
export function takeStdout(printed?: string): number {
  if (reserved !== undefined) {
    const response = reserved;
    reserved = undefined;
    return response;
  }
  const response = target(1).startsWith('pipe:') ? reopenPipe(1) : undefined;
  if (response === undefined) return 1;
  // Not to a log that is a pipe: under mini_httpd and merecat it is the response, and mod_cgi waits for the end of it.
  replace(1, printed ?? (target(2).startsWith('pipe:') ? '/dev/null' : LOG));
  return response;
}

/**
 * Closes the response, which tells the server that it is complete while this process still has work to do. Closes descriptor 0
 * as well: under Apache's mod_cgid it is the same socket.
 */
export function closeResponse(response: number): void | Promise<void> {
  if (hasStartedChildren() && target(response).startsWith('socket:')) return shutdown(response);
  if (response === 1) replace(1, '/dev/null');
  else fs.closeSync(response);
  replace(0, '/dev/null');
}

/**
 * Closes `descriptor` and opens `path` in its place. Otherwise the next file that the application opens would get its number,
 * and with it what is printed.
 */
function replace(descriptor: number, path: string): void {
  // open() takes the lowest free number, which is the one just closed.
  fs.closeSync(descriptor);
  for (const candidate of [path, '/dev/null']) {
    try {
      // Without O_NONBLOCK, to open a pipe that has lost its reader would wait for another.
      fs.openSync(
        candidate,
        descriptor === 0 ? fs.constants.O_RDONLY : fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_NONBLOCK,
      );
      return;
    } catch {
      // A file of another user, a socket, or no /proc: then /dev/null.
    }
  }
}

/** Shuts `socket` down. To close it would not end it for the server while child processes have copies of it. */
async function shutdown(socket: number): Promise<void> {
  const { Socket } = process.getBuiltinModule('node:net');
  await new Promise((resolve) => {
    new Socket({ fd: socket, readable: false, writable: true }).on('error', resolve).on('close', resolve).end();
  });
}

/** Whether this process may have child processes: whether node:child_process has been loaded, which costs nothing to find out. */
export function hasStartedChildren(): boolean {
  const loaded: unknown = Reflect.get(process, 'moduleLoadList');
  return Array.isArray(loaded) && loaded.includes('NativeModule child_process');
}

/** Makes console.*, process.stdout and process.stderr write to `errors` from now on. Node's own streams are never made. */
export function printTo(errors: ErrorStream): void {
  let stream: Writable | undefined;
  // node:stream takes a millisecond to load, so it is loaded only when something is printed.
  const get = () => (stream ??= streamOver(errors));
  for (const name of ['stdout', 'stderr']) {
    // Bun takes 8 ms to make its stream when this property is defined, but not if it has been assigned before.
    Reflect.set(process, name, undefined);
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
    /* v8 ignore next 2 */ // Bun, which test/build runs, writes no V8 coverage.
    // A console that has been used keeps the stream in these. Bun's console would ask for the stream now.
    if (!('bun' in process.versions)) Object.defineProperty(console, `_${name}`, { configurable: true, get });
  }
  /* v8 ignore next 2 */
  // Bun's console writes to descriptor 1, whatever process.stdout is. Only console.error writes elsewhere.
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
  // A program that asks for the descriptor of a standard stream gets that of the log.
  return Object.assign(stream, { fd: 2 });
}
