// The head of a CGI program's output, as a web server reads it: RFC 3875 §6.3, and what programs send
// in spite of it.

import { STATUS_CODES } from 'node:http';
import { ApplicationError } from '../errors.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { show } from '../show.ts';
import type { Header } from '../types.ts';

/** Apache allows 8 KiB a line, lighttpd 64 KiB in all. */
const LIMIT = 65_536;

export interface ScriptHead {
  status: string;
  headers: Header[];
  /** What came behind the head: the beginning of the body. */
  body: Buffer;
}

/**
 * Returns the head that `output` begins with, undefined as long as its end has not come. Lines end in LF
 * or CRLF. Throws an `ApplicationError`, 502, for what is no head.
 */
export function parseHead(output: Buffer): ScriptHead | undefined {
  const text = output.toString('latin1', 0, Math.min(output.length, LIMIT));
  const end = /(?:^|\r?\n)\r?\n/.exec(text);
  if (end === null) {
    if (output.length >= LIMIT) throw failure(`its head is longer than ${LIMIT} bytes`);
    return undefined;
  }
  const lines = text
    .slice(0, end.index)
    .split(/\r?\n/)
    .filter((line) => line !== '');
  const headers: Header[] = [];
  let status: string | undefined;
  // A program that sends a whole HTTP response (NPH) begins with a status line. lighttpd and busybox understand it, too.
  const statusLine = /^HTTP\/[0-9.]+ (.*)$/.exec(lines[0] ?? '');
  if (statusLine) {
    status = statusLine[1];
    lines.shift();
  }
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw failure(`its head has the line ${show(line)}`);
    if (name.toLowerCase() === 'status') status = value;
    else if (!isHopByHop(name)) headers.push([name, value]);
  }
  if (headers.length === 0 && status === undefined) throw failure('its head is empty');
  const isRedirect = headers.some(([name]) => name.toLowerCase() === 'location');
  return {
    status: withReason(status ?? (isRedirect ? '302' : '200')),
    headers,
    body: output.subarray(end.index + end[0].length),
  };
}

export function failure(what: string): ApplicationError {
  return new ApplicationError('script-failed', `The CGI program gave no response: ${what}`, 502);
}

function withReason(status: string): string {
  return /^\d{3}$/.test(status) ? `${status} ${STATUS_CODES[status] ?? 'Unknown'}` : status;
}
