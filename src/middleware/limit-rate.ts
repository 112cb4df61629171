// So many requests per client and window of time, counted in files, because under CGI every request is
// another process.

import { plainAddress } from '../environ/address.ts';
import { fs } from '../fs.ts';
import { toFunction } from '../gateway/application.ts';
import type { Application, ApplicationFunction, Environ } from '../types.ts';

export interface LimitRateOptions {
  /** How many requests of one client are let through in one window. */
  limit: number;
  /** The length of a window in seconds. Windows follow one another, so that around the end of one twice `limit` can pass. */
  window: number;
  /** A folder for the counts, which is made if it is not there. It must not be one that others can write to. */
  directory: string;
  /**
   * Tells clients apart. Default: by REMOTE_ADDR; of an IPv6 address, by the network of 64 bits, which is one household's.
   * All whose REMOTE_ADDR is no address, as "unix:" behind nginx on a Unix socket, are one client.
   */
  key?: (environ: Environ) => string;
}

/** Bytes of a ticket, random, so that a process knows its own again. */
const TICKET = 16;

/**
 * Returns `application` for the first `limit` requests of each client in each window; the others get a 429
 * with Retry-After. The count is exact across processes. When it cannot be kept, on a full disk for
 * instance, that is told to `wsgi.errors` and the request is let through.
 */
export function limitRate(application: Application, options: LimitRateOptions): ApplicationFunction {
  const { limit, window, directory, key = clientOf } = options;
  const callable = toFunction(application);
  return (environ, startResponse) => {
    const now = Date.now() / 1000;
    const current = Math.floor(now / window);
    const client = String(key(environ));
    let isIn = true;
    try {
      isIn = takeTicket(openWindow(directory, current), client, limit);
    } catch (error) {
      environ['wsgi.errors'].write(`limitRate: ${error}; the request is let through\n`);
    }
    if (isIn) return callable(environ, startResponse);
    const retryAfter = Math.max(1, Math.ceil((current + 1) * window - now));
    startResponse('429 Too Many Requests', [
      ['Content-Type', 'text/plain'],
      ['Retry-After', String(retryAfter)],
    ]);
    return '429 Too Many Requests\n';
  };
}

/** Returns the folder of the window `current`. Who makes it, which only one process does, removes those of the past. */
function openWindow(directory: string, current: number): string {
  const folder = `${directory}/${current}`;
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return folder;
    if (code !== 'ENOENT') throw error;
    fs.mkdirSync(folder, { mode: 0o700, recursive: true });
  }
  for (const name of fs.readdirSync(directory)) {
    // A process that was slow may still be in the last one.
    if (/^\d+$/.test(name) && Number(name) < current - 1) fs.rmSync(`${directory}/${name}`, { recursive: true, force: true });
  }
  return folder;
}

/**
 * Each process adds its ticket to the end of the client's file, and its place there is its number. Appending
 * is one step that no other process can come between (POSIX write(), O_APPEND), so no lock is needed.
 */
function takeTicket(folder: string, key: string, limit: number): boolean {
  const { createHash, randomBytes } = process.getBuiltinModule('node:crypto');
  const file = fs.openSync(`${folder}/${createHash('sha256').update(key).digest('hex')}`, 'a+', 0o600);
  try {
    // Further tickets would only make the file longer.
    if (fs.fstatSync(file).size >= limit * TICKET) return false;
    const ticket = randomBytes(TICKET);
    if (fs.writeSync(file, ticket) !== TICKET) throw new Error('the disk is full');
    const valid = Buffer.alloc(limit * TICKET);
    const length = fs.readSync(file, valid, 0, valid.length, 0);
    return valid.subarray(0, length).includes(ticket);
  } finally {
    fs.closeSync(file);
  }
}

/** What is no address is one client: each of its own, it would be another one with every port that stands in it. */
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
