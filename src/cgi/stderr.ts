// wsgi.errors of a CGI script: descriptor 2. It leads to the server's log, or nowhere, or, under some servers, straight into the
// response.

import { fs } from '../fs.ts';
import { errorStream } from '../gateway/error-stream.ts';
import { isTcp } from '../proc-net.ts';
import type { ErrorStream } from '../types.ts';
import { isTemporary, pause, reopenPipe, target } from './descriptor.ts';

/** How often writing to a full pipe is tried again, over the whole request, before text is dropped: for about a second. */
const MAX_TRIES = 80;

/** Where the log goes: a descriptor, or anything with `write`. */
export type LogTarget = number | { write(text: string): unknown };

/** Returns `wsgi.errors` over `log`. Text is dropped if it would end up in `response`, a descriptor. */
export function openErrors(log: LogTarget, response?: number): ErrorStream {
  if (typeof log !== 'number') return errorStream(log);
  let write: ((text: string) => void) | undefined;
  return errorStream({
    write(text) {
      // Opened with the first text: most requests write none.
      write ??= descriptorWriter(log, response);
      write(text);
    },
  });
}

function descriptorWriter(log: number, response: number | undefined): (text: string) => void {
  const name = target(log);
  // A TCP connection is the client's, under busybox with inetd; a log never is one.
  const isClient = name.startsWith('socket:') && isTcp(log);
  if (isClient || (response !== undefined && isTransport(name) && name === target(response))) return () => {};
  // civetweb never reads from this pipe, and others only after the response. A non-blocking copy lets us give up when it is full.
  const copy = name.startsWith('pipe:') ? reopenPipe(log, fs.constants.O_NONBLOCK) : undefined;
  let tries = 0;
  return (text) => {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length && tries < MAX_TRIES; ) {
      try {
        done += fs.writeSync(copy ?? log, bytes, done);
      } catch (error) {
        if (!isTemporary(error)) return;
        pause(tries++);
      }
    }
  };
}

/**
 * Whether `name` is a pipe or a socket. mini_httpd and merecat give the script one pipe for both the response and the log. A
 * terminal or a file that gets both is what the user wants.
 */
export function isTransport(name: string): boolean {
  return name.startsWith('pipe:') || name.startsWith('socket:');
}
