// wsgi.errors: descriptor 2, which leads to the server's log, or to nothing, or, under some servers,
// straight into the response. It takes any text and never fails (PEP 3333 #34 to #38).

import { fs } from '../fs.ts';
import type { ErrorStream } from '../types.ts';
import { isTemporary, pause, reopenPipe, target } from './descriptor.ts';

/** How often a full pipe is tried again before text is dropped, in all: about a second. */
const TRIES = 80;

/** What takes the text: a descriptor, or anything with `write`. */
export type LogTarget = number | { write(text: string): unknown };

/** The text stream over `log`; what would land in `response`, a descriptor, is dropped. */
export function errorStream(log: LogTarget, response: number | undefined): ErrorStream {
  let write: ((text: string) => void) | undefined;
  return {
    write(text) {
      try {
        // Opened only when something is said: most requests have nothing to say.
        write ??= typeof log === 'number' ? descriptorWriter(log, response) : (words) => void log.write(words);
        write(String(text));
      } catch {
        // There is nowhere left to say it.
      }
    },
    writelines(lines) {
      for (const line of lines) this.write(line);
    },
    flush() {}, // nothing is buffered
  };
}

function descriptorWriter(log: number, response: number | undefined): (text: string) => void {
  const name = target(log);
  if (isTcp(name) || (response !== undefined && isTransport(name) && name === target(response))) return () => {};
  // civetweb never empties this pipe, and others only after the response. One of our own that does not block lets us give up.
  const own = name.startsWith('pipe:') ? reopenPipe(log, fs.constants.O_NONBLOCK) : undefined;
  let tries = 0;
  return (text) => {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length && tries < TRIES; ) {
      try {
        done += fs.writeSync(own ?? log, bytes, done);
      } catch (error) {
        if (!isTemporary(error)) return;
        pause(tries++);
      }
    }
  };
}

/** mini_httpd and merecat give one pipe for the response and the log. On a terminal or in a file that is what somebody wants. */
function isTransport(name: string): boolean {
  return name.startsWith('pipe:') || name.startsWith('socket:');
}

/** A TCP connection as descriptor 2 is the client's (busybox under inetd). A log can be a socket too, but not TCP. */
function isTcp(name: string): boolean {
  const inode = /^socket:\[(\d+)\]$/.exec(name)?.[1];
  if (inode === undefined) return false;
  const tables = ['/proc/self/net/tcp', '/proc/self/net/tcp6'].filter((path) => fs.existsSync(path));
  return tables.some((path) => fs.readFileSync(path, 'latin1').includes(` ${inode} `));
}
