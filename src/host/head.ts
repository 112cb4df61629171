// The head of a CGI program's output, as a web server reads it: RFC 3875 §6, and what programs send in
// spite of it.

import { ApplicationError } from '../errors.ts';
import { checkHeader, checkStatus } from '../gateway/checks.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { reasonOf } from '../gateway/reasons.ts';
import { show } from '../show.ts';
import type { Header } from '../types.ts';

/** Apache allows 8 KiB a line, lighttpd 64 KiB in all. */
const LIMIT = 65_536;

/** What a program has sent is no response; the message says why, of "it". */
export class BadOutput extends Error {}

export interface ScriptHead {
  status: string;
  headers: Header[];
  /** The path of a local redirect: the program said Location and nothing else. RFC 3875 §6.2.2 */
  localRedirect: string | undefined;
  /** Whether the body is chunked: the program sends a whole HTTP response (NPH). */
  isChunked: boolean;
  /** What came behind the head: the beginning of the body. */
  body: Buffer;
}

/**
 * Returns the head that `output` begins with, undefined as long as its end has not come. Lines end in LF
 * or CRLF. Throws a `BadOutput` for what is no head.
 */
export function parseHead(output: Buffer): ScriptHead | undefined {
  const text = output.toString('latin1', 0, Math.min(output.length, LIMIT));
  const end = /(?:^|\r?\n)\r?\n/.exec(text);
  if (end === null) {
    if (output.length >= LIMIT) throw new BadOutput(`its head is longer than ${LIMIT} bytes`);
    return undefined;
  }
  const lines = text.slice(0, end.index).split(/\r?\n/);
  const body = output.subarray(end.index + end[0].length);

  // A whole HTTP response is known by its first line, whatever the program is called. RFC 3875 #51
  const [, statusLine] = /^HTTP\/\d(?:\.\d+)?[ \t]+(.*)$/i.exec(lines[0] ?? '') ?? [];
  if (statusLine !== undefined) lines.shift();
  const fields = new Fields(lines);
  const said = statusLine ?? fields.take('status');
  // What is interim no application can pass on; the final head comes behind it.
  if (said !== undefined && /^1(?!01)\d\d\b/.test(said)) return parseHead(body);
  const location = fields.get('location');
  if (said === undefined && location === undefined && fields.get('content-type') === undefined) {
    throw new BadOutput(
      'its head has neither Content-Type nor Location nor Status; it must begin with one of them, and end in an empty line',
    );
  }
  return {
    status: toStatus(said ?? (location === undefined ? '200' : '302')),
    headers: fields.headers,
    localRedirect: said === undefined && fields.headers.length === 1 && isLocal(location) ? location : undefined,
    isChunked: statusLine !== undefined && fields.isChunked,
    body,
  };
}

/** The header lines of a head, checked and cleared of what is not for the client. */
class Fields {
  headers: Header[] = [];
  isChunked = false;

  constructor(lines: readonly string[]) {
    for (const line of lines) if (line !== '') this.#add(line);
  }

  get(name: string): string | undefined {
    return this.headers.find((header) => header[0].toLowerCase() === name)?.[1];
  }

  take(name: string): string | undefined {
    const value = this.get(name);
    this.headers = this.headers.filter((header) => header[0].toLowerCase() !== name);
    return value;
  }

  #add(line: string): void {
    const [, name, rest] = /^([^\s:]+):(.*)$/s.exec(line) ?? [];
    if (name === undefined || rest === undefined) throw new BadOutput(`its head has the line ${show(line)}, which is no "Name: value"`);
    const value = rest.replaceAll('\t', ' ').trim();
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'transfer-encoding') this.isChunked = /\bchunked$/i.test(value);
    if (isHopByHop(name) || lowerCase.startsWith('x-cgi-')) return; // RFC 3875 #49
    const header: Header = [name, value];
    checked(() => checkHeader(header));
    switch (lowerCase) {
      case 'content-length': {
        const earlier = this.take(lowerCase);
        if (!/^\d*$/.test(value) || (earlier !== undefined && earlier !== value)) {
          throw new BadOutput(
            `its Content-Length must be digits, and one number, got ${show(earlier === undefined ? value : `${earlier}, ${value}`)}`,
          );
        }
        break;
      }
      case 'content-type':
      case 'location':
      case 'status':
        if (value !== '') this.take(lowerCase); // the last one counts, as under Apache
        break;
      default:
        this.headers.push(header);
        return;
    }
    // RFC 3875 #25: an empty one was not sent.
    if (value !== '') this.headers.push(header);
  }
}

/** Programs write "404", "404 Not Found" and everything between. */
function toStatus(said: string): string {
  const [, code, reason = ''] = /^(\d{3})(?:\s+(.*))?$/.exec(said.trim()) ?? [];
  const status = code === undefined ? said : `${code} ${reason.replaceAll('\t', ' ') || reasonOf(Number(code))}`;
  checked(() => checkStatus(status));
  return status;
}

/** "//host/" is another host, and a fragment would be lost. */
function isLocal(location: string | undefined): boolean {
  return location !== undefined && /^\/(?!\/)[^#]*$/.test(location);
}

function checked(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof ApplicationError ? new BadOutput(`in its head: ${error.message}`) : error;
  }
}
