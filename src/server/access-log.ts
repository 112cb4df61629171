// The access log, in the common log format. Lines are collected and written ten times a second, because a write for each
// would cost a good part of what answering a small request does.

import type { ServerResponse } from 'node:http';
import type { Log } from '../gateway/error-stream.ts';

/** Milliseconds between two writes. */
const PERIOD = 100;
/** The length of the collected lines above which they are written at once. */
const MAX_PENDING = 16_384;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export class AccessLog {
  #target: Log;
  #lines = '';
  /** The time of the first collected line, which all of them are given. */
  #date = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(target: Log) {
    this.#target = target;
  }

  /** Adds a line for a request that was answered with `bytes` bytes of body, or not at all. */
  add({ req: request, headersSent, statusCode }: ServerResponse, address: string, bytes: number): void {
    if (this.#timer === undefined) this.#begin();
    const status = headersSent ? statusCode : '-';
    const requestLine = `${request.method} ${escaped(request.url ?? '')} HTTP/${request.httpVersion}`;
    this.#lines += `${address} - - ${this.#date} "${requestLine}" ${status} ${bytes || '-'}\n`;
    if (this.#lines.length > MAX_PENDING) this.flush();
  }

  flush = (): void => {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    process.off('exit', this.flush);
    const lines = this.#lines;
    this.#lines = '';
    this.#target.write(lines);
  };

  #begin(): void {
    this.#date = formatDate(new Date());
    this.#timer = setTimeout(this.flush, PERIOD);
    process.once('exit', this.flush);
  }
}

/** Returns `date` in local time, like "[10/Oct/2000:13:55:36 -0700]". */
function formatDate(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  const east = -date.getTimezoneOffset();
  const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  return `[${day}:${time} ${zone}]`;
}

/** Escapes quotes, which alone could garble a line: Node refuses control characters in a request target. */
function escaped(target: string): string {
  return target.includes('"') || target.includes('\\') ? target.replace(/["\\]/g, '\\$&') : target;
}
