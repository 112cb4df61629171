// Parses the head of a CGI program's output as a web server does: by RFC 3875 §6, and by what programs send in spite of it.

import { ApplicationError } from '../errors.ts';
import { checkHeader, checkStatus } from '../gateway/checks.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { reasonOf } from '../gateway/status.ts';
import { show } from '../show.ts';
import type { Header } from '../types.ts';

/** The longest head, in bytes. lighttpd has the same limit; Apache allows 8 KiB a line. */
const MAX_LENGTH = 65_536;

/** The output of a program is no response. The message is a clause about "it" or "its" parts. */
export class InvalidOutput extends Error {}

/** A parsed head. */
export interface ScriptHead {
  status: string;
  headers: Header[];
  /** The path of a local redirect, for which the program sends a Location and nothing else; otherwise undefined. RFC 3875 §6.2.2 */
  localRedirect: string | undefined;
  /** Whether the body is chunked, as it may be if the program sends a whole HTTP response (NPH). */
  isChunked: boolean;
  /** The beginning of the body, which came in one block with the end of the head. */
  body: Buffer;
}

const LF = 10;
const CR = 13;

/** Reads a head out of the blocks of a program's output. Lines end in LF or CRLF. */
export class HeadReader {
  /** What has come of the head, as a byte string. */
  #text = '';
  /** How many bytes have been read, those of interim heads included. */
  #length = 0;
  /** What the current line consists of so far. */
  #line: 'nothing' | 'CR' | 'text' = 'nothing';

  /** Whether the program has sent anything. */
  get hasBegun(): boolean {
    return this.#length > 0;
  }

  /** Reads a block. Returns the head if `block` completes it, otherwise undefined. Throws an `InvalidOutput` for what is no head. */
  read(block: Buffer): ScriptHead | undefined {
    let rest = block;
    for (;;) {
      const end = this.#findEnd(rest);
      const length = end ?? rest.length;
      this.#length += length;
      if (this.#length > MAX_LENGTH) throw new InvalidOutput(`its head is longer than ${MAX_LENGTH} bytes`);
      this.#text += rest.toString('latin1', 0, length);
      if (end === undefined) return undefined;
      rest = rest.subarray(end);
      const head = parseHead(this.#text, rest);
      if (head) return head;
      // An application cannot pass on an interim head. The final head follows it.
      this.#text = '';
    }
  }

  /** Returns the index in `block` after the empty line that ends a head; undefined if that has not come. */
  #findEnd(block: Buffer): number | undefined {
    for (let at = 0; at < block.length; at++) {
      if (this.#line === 'text') {
        at = block.indexOf(LF, at);
        if (at < 0) return undefined;
        this.#line = 'nothing';
      } else if (block[at] === LF) {
        this.#line = 'nothing';
        return at + 1;
      } else {
        this.#line = this.#line === 'nothing' && block[at] === CR ? 'CR' : 'text';
      }
    }
    return undefined;
  }
}

/** Returns the head in `text`, with `body` after it; undefined if it is interim. */
function parseHead(text: string, body: Buffer): ScriptHead | undefined {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));

  // The first line tells whether it is a whole HTTP response, even if the program is not named "nph-". RFC 3875 #51
  const [, statusLine] = /^HTTP\/\d(?:\.\d+)?[ \t](.*)$/is.exec(lines[0] ?? '') ?? [];
  if (statusLine !== undefined) lines.shift();
  const fields = new Fields(lines);
  const status = statusLine ?? fields.status;
  if (status !== undefined && /^\s*1(?!01)\d\d\b/.test(status)) return undefined;
  const { headers, location } = fields;
  if (status === undefined && location === undefined && fields.contentType === undefined) {
    throw new InvalidOutput(
      'its head has neither Content-Type nor Location nor Status; it must begin with one of them, and end in an empty line',
    );
  }
  return {
    status: toStatus(status ?? (location === undefined ? '200' : '302')),
    headers,
    localRedirect: status === undefined && headers.length === 1 && isLocal(location) ? location : undefined,
    isChunked: statusLine !== undefined && fields.isChunked,
    body,
  };
}

/** Headers that a response has once. Of several the last one counts, as in Apache; an empty one does not. RFC 3875 #25 */
const SINGLE = ['content-length', 'content-type', 'location', 'status'];

/** The header lines of a head, checked, and without those that are not for the client. */
class Fields {
  isChunked = false;
  #lines: { name: string; header: Header }[] = [];
  /** The index in `#lines` of each header that a response has once. */
  #places = new Map<string, number>();

  constructor(lines: readonly string[]) {
    for (const line of lines) if (line !== '') this.#add(line);
  }

  get headers(): Header[] {
    return this.#lines.filter(({ name }, at) => name !== 'status' && at === (this.#places.get(name) ?? at)).map(({ header }) => header);
  }

  get status(): string | undefined {
    return this.#get('status');
  }

  get location(): string | undefined {
    return this.#get('location');
  }

  get contentType(): string | undefined {
    return this.#get('content-type');
  }

  #get(name: string): string | undefined {
    return this.#lines[this.#places.get(name) ?? -1]?.header[1];
  }

  #add(line: string): void {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (colon < 1 || /\s/.test(name)) throw new InvalidOutput(`its head has the line ${show(line)}, which is no "Name: value"`);
    const value = line
      .slice(colon + 1)
      .replaceAll('\t', ' ')
      .trim();
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'transfer-encoding') this.isChunked = /\bchunked$/i.test(value);
    if (isHopByHop(name) || lowerCase.startsWith('x-cgi-')) return; // RFC 3875 #49
    const header: Header = [name, value];
    asInvalidOutput(() => checkHeader(header));
    if (lowerCase === 'content-length') this.#checkLength(value);
    if (SINGLE.includes(lowerCase)) {
      if (value === '') return;
      this.#places.set(lowerCase, this.#lines.length);
    }
    this.#lines.push({ name: lowerCase, header });
  }

  #checkLength(value: string): void {
    const earlier = this.#get('content-length');
    if (/^\d*$/.test(value) && (earlier === undefined || earlier === value)) return;
    const got = earlier === undefined ? value : `${earlier}, ${value}`;
    throw new InvalidOutput(`its Content-Length must be digits, and one number, got ${show(got)}`);
  }
}

/** Returns a status with a reason. Programs write "404", "404 Not Found" and everything between. */
function toStatus(given: string): string {
  const [, code, reason = ''] = /^(\d{3})(?:\s+(.*))?$/s.exec(given.trim()) ?? [];
  const status = code === undefined ? given : `${code} ${reason.replaceAll('\t', ' ') || reasonOf(Number(code))}`;
  asInvalidOutput(() => checkStatus(status));
  return status;
}

/** Whether `location` is a path of this server. "//host/" is another server, and a local redirect would lose a fragment. */
function isLocal(location: string | undefined): boolean {
  return location !== undefined && /^\/(?!\/)[^#]*$/.test(location);
}

/** Runs a check of the gateway, and throws an `InvalidOutput` in place of its error. */
function asInvalidOutput(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof ApplicationError ? new InvalidOutput(`in its head: ${error.message}`) : error;
  }
}
