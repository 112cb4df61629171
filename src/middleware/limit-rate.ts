// limitRate(): a limit to the requests of each client. The counts are in files, because under CGI each request is another
// process.

import { plainAddress } from '../environ/address.ts';
import { codeOf } from '../error-code.ts';
import { fs } from '../fs.ts';
import { toFunction } from '../gateway/application.ts';
import type { Application, ApplicationFunction, Environ } from '../types.ts';

export interface LimitRateOptions {
  /** How many requests of one client may pass in one window of time. */
  limit: number;
  /** The length of a window in seconds. Around the end of one window and the beginning of the next, twice `limit` may pass. */
  window: number;
  /** The folder for the counts. It is made if it does not exist. Other users must not be able to write to it. */
  directory: string;
  /**
   * Returns a key for the client of a request. Default: REMOTE_ADDR, or its first 64 bits in IPv6, which one household has. All
   * requests whose REMOTE_ADDR is no address, such as "unix:" behind nginx on a Unix socket, count as those of one client.
   */
  key?: (environ: Environ) => string;
}

/** The length of a ticket in bytes. A ticket is random, so that a process recognizes its own. */
const TICKET_SIZE = 16;

/**
 * Returns `application` for the first `limit` requests of each client in each window. Further requests get a 429 with
 * Retry-After. The count is exact across processes. If it cannot be kept, on a full disk for instance, `wsgi.errors` gets the
 * reason and the request passes.
 */
export function limitRate(application: Application, options: LimitRateOptions): ApplicationFunction {
  const { limit, window, directory, key = clientOf } = options;
  const callable = toFunction(application);
  return (environ, startResponse) => {
    const now = Date.now() / 1000;
    const current = Math.floor(now / window);
    const client = String(key(environ));
    let mayPass = true;
    try {
      mayPass = takeTicket(openWindow(directory, current), client, limit);
    } catch (error) {
      environ['wsgi.errors'].write(`limitRate: ${error}; the request is let through\n`);
    }
    if (mayPass) return callable(environ, startResponse);
    const retryAfter = Math.max(1, Math.ceil((current + 1) * window - now));
    startResponse('429 Too Many Requests', [
      ['Content-Type', 'text/plain'],
      ['Retry-After', String(retryAfter)],
    ]);
    return '429 Too Many Requests\n';
  };
}

/** Returns the folder of the window `current`. The one process that makes it removes those of past windows. */
function openWindow(directory: string, current: number): string {
  const folder = `${directory}/${current}`;
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return folder;
    if (codeOf(error) !== 'ENOENT') throw error;
    fs.mkdirSync(folder, { mode: 0o700, recursive: true });
  }
  for (const name of fs.readdirSync(directory)) {
    // A slow process may still use the folder of the last window.
    if (/^\d+$/.test(name) && Number(name) < current - 1) fs.rmSync(`${directory}/${name}`, { recursive: true, force: true });
  }
  return folder;
}

/**
 * Appends a ticket to the file of the client, and returns whether it is among the first `limit`. No lock is needed, because no
 * other process can write in between: O_APPEND of POSIX.
 */
function takeTicket(folder: string, key: string, limit: number): boolean {
  const { createHash, randomBytes } = process.getBuiltinModule('node:crypto');
  const file = fs.openSync(`${folder}/${createHash('sha256').update(key).digest('hex')}`, 'a+', 0o600);
  try {
    // Another ticket would only make the file longer.
    if (fs.fstatSync(file).size >= limit * TICKET_SIZE) return false;
    const ticket = randomBytes(TICKET_SIZE);
    if (fs.writeSync(file, ticket) !== TICKET_SIZE) throw new Error('the disk is full');
    const valid = Buffer.alloc(limit * TICKET_SIZE);
    const length = fs.readSync(file, valid, 0, valid.length, 0);
    return valid.subarray(0, length).includes(ticket);
  } finally {
    fs.closeSync(file);
  }
}

/** Returns the default key. Without an address it is the same for all: REMOTE_ADDR may hold a port, which differs each time. */
function clientOf(environ: Environ): string {
  const address = plainAddress(environ.REMOTE_ADDR);
  if (address === undefined) return 'unknown';
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const front = head.split(':').filter((group) => group !== '');
  const back = (tail ?? '').split(':').filter((group) => group !== '');
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...back].slice(0, 4).join(':');
}
