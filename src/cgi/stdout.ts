// Keeps descriptor 1 for the response alone. What an application or its dependencies print goes to the log, through the console
// and process.stdout, and as far as possible also by the number 1 and from child processes.

import type { Writable } from 'node:stream';
import { fs } from '../fs.ts';
import { setConsoleStreams } from '../node-internals/console-streams.ts';
import type { ErrorStream } from '../types.ts';
import { reopenPipe, target } from './descriptor.ts';
import { isTransport, openErrors } from './stderr.ts';

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
 * not inherit: a child that outlives this process would hold the response open. Descriptor 1 then leads to the log (to /dev/null
 * where that is a pipe), or to the path `printedPath`. For a file, and for a socket, which cannot be opened again, it is descriptor 1 itself.
 */
export function takeStdout(printedPath?: string): number {
  if (reserved !== undefined) {
    const response = reserved;
    reserved = undefined;
    return response;
  }
  const response = target(1).startsWith('pipe:') ? reopenPipe(1) : undefined;
  if (response === undefined) return 1;
  // Descriptor 1 must not lead to a log that is a pipe: under mini_httpd and merecat that is the response, and mod_cgi waits for its end.
  replace(1, printedPath ?? (target(2).startsWith('pipe:') ? '/dev/null' : LOG));
  return response;
}

/**
 * Closes the response, which tells the server that it is complete while this process still has work to do. Closes descriptor 0
 * as well: under Apache's mod_cgid it is the same socket. Closes the log where it is the response, as under mini_httpd: what is
 * logged later must not reach the client.
 */
export function closeResponse(response: number): void | Promise<void> {
  const name = target(response);
  if (isTransport(name) && name === target(2)) closeLog();
  if (name.startsWith('socket:') && hasStartedChildren()) return shutdown(response);
  if (response === 1) replace(1, '/dev/null');
  else fs.closeSync(response);
  replace(0, '/dev/null');
}

/** Closes the log. Apache's mod_cgi waits for the end of it, too, before a response is complete. */
export function closeLog(): void {
  replace(2, '/dev/null');
}

/**
 * Closes `descriptor` and opens `path` in its place. Otherwise the next file that the application opens would get its number,
 * and with it what is printed.
 */
function replace(descriptor: number, path: string): void {
  try {
    fs.closeSync(descriptor);
  } catch {
    // Linux gives the number free all the same.
  }
  // open() takes the lowest free number, which is the one just closed.
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
  /* v8 ignore next 2 */
  if ('bun' in process.versions) return shutdownInBun(socket);
  const { Socket } = process.getBuiltinModule('node:net');
  await new Promise((resolve) => {
    new Socket({ fd: socket, readable: false, writable: true }).on('error', resolve).on('close', resolve).end();
  });
}

/** Bun's net.Socket does not shut a descriptor down that it was given. */
/* v8 ignore next 5 */ // Bun, which writes no V8 coverage.
async function shutdownInBun(socket: number): Promise<void> {
  const { connect } = Reflect.get(globalThis, 'Bun') as { connect(options: object): Promise<{ shutdown(): void }> };
  const connection = await connect({ fd: socket, socket: { data() {} } });
  connection.shutdown();
}

/**
 * Whether this process has child processes, or has had some, which may have left processes of their own. True where the system
 * does not say. A process that a worker thread has started counts only when it has ended.
 */
export function hasStartedChildren(): boolean {
  try {
    if (fs.readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1') !== '') return true;
    // proc(5): behind the name in parentheses, the ninth field counts page faults of children that have ended.
    const status = fs.readFileSync('/proc/self/stat', 'latin1');
    return status.slice(status.lastIndexOf(')') + 2).split(' ')[8] !== '0';
  } catch {
    return true;
  }
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
  }
  setConsoleStreams(get);
}

function streamOver(errors: ErrorStream): Writable {
  const { Writable } = process.getBuiltinModule('node:stream');
  const { StringDecoder } = process.getBuiltinModule('node:string_decoder');
  const decoder = new StringDecoder('utf8'); // a character may come in two pieces
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      errors.write(decoder.write(chunk));
      done();
    },
  });
  // A program that asks for the descriptor of a standard stream gets that of the log.
  return Object.assign(stream, { fd: 2 });
}
