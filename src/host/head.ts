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

const LF = 10;
const CR = 13;

/** Reads the head that a program's output begins with, block by block. Lines end in LF or CRLF. */
export class HeadReader {
  /** The head so far, a byte string. */
  #text = '';
  /** How many bytes have been read, those of interim heads included. */
  #length = 0;
  /** What the line that has begun consists of. */
  #line: 'nothing' | 'CR' | 'text' = 'nothing';

  /** Whether the program has said anything. */
  get hasBegun(): boolean {
    return this.#length > 0;
  }

  /** Returns the head that `block` completes; undefined as long as its end has not come. Throws a `BadOutput` for what is no head. */
  read(block: Buffer): ScriptHead | undefined {
    let rest = block;
    for (;;) {
      const end = this.#endOf(rest);
      const length = end ?? rest.length;
      this.#length += length;
      if (this.#length > LIMIT) throw new BadOutput(`its head is longer than ${LIMIT} bytes`);
      this.#text += rest.toString('latin1', 0, length);
      if (end === undefined) return undefined;
      rest = rest.subarray(end);
      const head = toHead(this.#text, rest);
      if (head) return head;
      // What is interim no application can pass on; the final head comes behind it.
      this.#text = '';
    }
  }

  /** Where in `block` the empty line ends that is the end of a head. */
  #endOf(block: Buffer): number | undefined {
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

/** The head with the lines of `text`, undefined for an interim one. */
function toHead(text: string, body: Buffer): ScriptHead | undefined {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));

  // A whole HTTP response is known by its first line, whatever the program is called. RFC 3875 #51
  const [, statusLine] = /^HTTP\/\d(?:\.\d+)?[ \t](.*)$/is.exec(lines[0] ?? '') ?? [];
  if (statusLine !== undefined) lines.shift();
  const fields = new Fields(lines);
  const said = statusLine ?? fields.status;
  if (said !== undefined && /^\s*1(?!01)\d\d\b/.test(said)) return undefined;
  const { headers, location } = fields;
  if (said === undefined && location === undefined && fields.contentType === undefined) {
    throw new BadOutput(
      'its head has neither Content-Type nor Location nor Status; it must begin with one of them, and end in an empty line',
    );
  }
  return {
    status: toStatus(said ?? (location === undefined ? '200' : '302')),
    headers,
    localRedirect: said === undefined && headers.length === 1 && isLocal(location) ? location : undefined,
    isChunked: statusLine !== undefined && fields.isChunked,
    body,
  };
}

/** Of these a response has one, and the last one counts, as under Apache. RFC 3875 #25: an empty one was not sent. */
const ONCE = ['content-length', 'content-type', 'location', 'status'];

/** The header lines of a head, checked and cleared of what is not for the client. */
class Fields {
  isChunked = false;
  #lines: { name: string; header: Header }[] = [];
  /** Where those are that there can be only one of. */
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
    if (colon < 1 || /\s/.test(name)) throw new BadOutput(`its head has the line ${show(line)}, which is no "Name: value"`);
    const value = line
      .slice(colon + 1)
      .replaceAll('\t', ' ')
      .trim();
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'transfer-encoding') this.isChunked = /\bchunked$/i.test(value);
    if (isHopByHop(name) || lowerCase.startsWith('x-cgi-')) return; // RFC 3875 #49
    const header: Header = [name, value];
    checked(() => checkHeader(header));
    if (lowerCase === 'content-length') this.#checkLength(value);
    if (ONCE.includes(lowerCase)) {
      if (value === '') return;
      this.#places.set(lowerCase, this.#lines.length);
    }
    this.#lines.push({ name: lowerCase, header });
  }

  #checkLength(value: string): void {
    const earlier = this.#get('content-length');
    if (/^\d*$/.test(value) && (earlier === undefined || earlier === value)) return;
    const got = earlier === undefined ? value : `${earlier}, ${value}`;
    throw new BadOutput(`its Content-Length must be digits, and one number, got ${show(got)}`);
  }
}

/** Programs write "404", "404 Not Found" and everything between. */
function toStatus(said: string): string {
  const [, code, reason = ''] = /^(\d{3})(?:\s+(.*))?$/s.exec(said.trim()) ?? [];
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
