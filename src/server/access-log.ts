// The access log, in the common log format. Lines are gathered and leave ten times a second: a write for
// each would cost a good part of what answering a small request does.

import type { ServerResponse } from 'node:http';
import type { Log } from '../gateway/error-stream.ts';

const PERIOD = 100;
const FULL = 16_384;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export class AccessLog {
  #target: Log;
  #lines = '';
  /** When the lines that are gathered were begun. */
  #date = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(target: Log) {
    this.#target = target;
  }

  /** Notes a request that has been answered with `bytes` of body, or not at all. */
  add({ req: request, headersSent, statusCode }: ServerResponse, address: string, bytes: number): void {
    if (this.#timer === undefined) this.#begin();
    const status = headersSent ? statusCode : '-';
    const requestLine = `${request.method} ${escaped(request.url ?? '')} HTTP/${request.httpVersion}`;
    this.#lines += `${address} - - ${this.#date} "${requestLine}" ${status} ${bytes || '-'}\n`;
    if (this.#lines.length > FULL) this.flush();
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

/** "[10/Oct/2000:13:55:36 -0700]", in local time. */
export function formatDate(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  const east = -date.getTimezoneOffset();
  const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  return `[${day}:${time} ${zone}]`;
}

/** Node lets no control characters pass in a request target, so that quotes are all that could garble a line. */
function escaped(target: string): string {
  return target.includes('"') || target.includes('\\') ? target.replace(/["\\]/g, '\\$&') : target;
}
