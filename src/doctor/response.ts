// Examines what a script wrote for one request: its head, by RFC 3875 §6, and whether body and head belong together.

import { basename } from 'node:path';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { decodeBytes, type Finding, type FindingCode, type Mend, quote, type Severity } from './finding.ts';

export interface Response {
  /** The status that the client gets; undefined where the output is no response. */
  status: number | undefined;
  /** Names in lower case. */
  headers: [name: string, value: string][];
  /** A byte string. */
  body: string;
  findings: Finding[];
}

/** Bytes of one line that Apache reads, and of a whole head that nginx takes without further settings. */
const MAX_LINE = 8190;

/** Reads `output`, which the script `path` wrote for a request with `method`; `subject` names the answer. */
export function examineResponse(output: Buffer, path: string, method: string, subject: string): Response {
  const text = output.toString('latin1');
  const findings: Finding[] = [];
  const add = (code: FindingCode, severity: Severity, problem: string, mend: string | Mend, evidence?: string) => {
    findings.push({ code, severity, subject, problem, mend: [typeof mend === 'string' ? { change: mend } : mend], evidence });
  };
  const nothing: Response = { status: undefined, headers: [], body: '', findings };
  const isNph = basename(path).startsWith('nph-');
  const { lines, body, isComplete } = split(text);
  const [first = ''] = lines;

  if (/^HTTP\/\d/.test(first)) {
    lines.shift();
    if (!isNph) {
      add(
        'http-status-line',
        'fails',
        `The output begins with ${show(first)}. A script writes "Status: 200 OK" in place of a status line, or leaves it out; only a script whose name begins with nph- writes the whole response. Apache answers 500 otherwise.`,
        'Write "Status: " in place of "HTTP/1.1 ".',
      );
    }
  } else if (isNph) {
    add(
      'nph-without-status-line',
      'fails',
      `The name of the script begins with nph-, so Apache sends the output to the client as it is, and the output begins with ${show(first)}. It is no HTTP response without a status line.`,
      'Begin the output with "HTTP/1.1 200 OK", or give the script a name without nph-.',
    );
    return nothing;
  }
  if (first === '') {
    add(
      'head-empty',
      'fails',
      'The output begins with an empty line, which ends the head before it has begun. A head names at least a Content-Type, a Location or a Status.',
      'Write "Content-Type: text/html" before the empty line, and nothing before that.',
      firstLines(text),
    );
    return nothing;
  }
  const bad = lines.findIndex((line) => !/^[!#$%&'*+.^`|~\w-]+:/.test(line));
  if (bad >= 0) {
    const line = lines[bad] ?? '';
    const inFirst = bad === 0;
    if (line.startsWith('\xef\xbb\xbf') && inFirst) {
      add(
        'output-before-head',
        'fails',
        'The output begins with a byte-order mark, which an editor has put before the text of the script or of a file that it includes. The head has to come first.',
        { run: `sed -i '1s/^\\xef\\xbb\\xbf//' ${quote(path)}` },
        firstLines(text),
      );
    } else if (inFirst) {
      add(
        'output-before-head',
        'fails',
        `The first line of the output is ${show(line)}, which is no header. The head has to come first: a server takes each line up to the first empty one for "Name: value". Apache answers 500, "malformed header from script".`,
        'Write to standard error what is meant for the log (console.error, print(file=sys.stderr), warn, >&2), and everything else behind the empty line.',
        firstLines(text),
      );
    } else if (isComplete) {
      add(
        'head-line-malformed',
        'fails',
        `A line of the head is ${show(line)}, which is no "Name: value". Apache answers 500 to such a head.`,
        'Mend that line. If it belongs to the page, write an empty line before it.',
        firstLines(text),
      );
    } else {
      add(
        'blank-line-missing',
        'fails',
        `No empty line stands between the head and the body, which begins with ${show(line)}. Servers take all lines up to an empty one for the head; Apache answers 500.`,
        'Write "\\n\\n" behind the last header: printf "Content-Type: text/html\\n\\n".',
        firstLines(text),
      );
    }
    return nothing;
  }
  if (!isComplete) {
    add(
      'blank-line-missing',
      'fails',
      'The output ends within the head: no empty line follows the headers. Apache answers 500, "End of script output before headers".',
      'Write "\\n\\n" behind the last header: printf "Content-Type: text/html\\n\\n".',
      firstLines(text),
    );
    return nothing;
  }

  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const get = (name: string) => headers.find(([one]) => one === name)?.[1];
  const control = headers.find(([, value]) => /[\0-\x08\x0a-\x1f\x7f]/.test(value));
  if (control) {
    add(
      'header-control-character',
      'fails',
      `The value of ${control[0]} holds a control character: ${show(control[1])}. Apache answers 500 to it, and behind fcgiwrap a CR begins a new header.`,
      'Remove control characters before the value goes into a header, above all where a client has sent it.',
    );
  }
  const long = lines.find((line) => line.length > MAX_LINE);
  const size = text.length - body.length;
  if (long !== undefined) {
    add(
      'head-too-long',
      'fails',
      `A line of the head has ${long.length} bytes: ${show(truncate(long, 40))}… Apache reads ${MAX_LINE} bytes of a line and answers 500 to more.`,
      'Keep the value elsewhere, in a session for instance, and send a key to it.',
    );
  } else if (size > 4096) {
    add(
      'head-too-long',
      'may-fail',
      `The head has ${size} bytes. nginx takes 4 or 8 KiB, and answers 502 to more.`,
      'Send less, or set fastcgi_buffer_size 32k.',
    );
  }
  // The server passes on the response of an nph- script as it is, with the framing that the script has chosen.
  for (const [name, value] of isNph ? [] : headers) {
    if (name === 'transfer-encoding') {
      add(
        'transfer-encoding',
        'fails',
        `The head has "Transfer-Encoding: ${decodeBytes(value)}". The framing of the message belongs to the server: lighttpd loses the body, busybox sends a broken response, and newer versions of Apache answer 502.`,
        'Leave the header out, and write the body as it is.',
      );
    } else if (isHopByHop(name)) {
      add(
        'header-hop-by-hop',
        'may-fail',
        `The head has "${name}: ${decodeBytes(value)}". The connection to the client belongs to the server; with HTTP/2 such a header costs the whole response.`,
        `Leave ${name} out.`,
      );
    }
  }
  const status = statusOf(lines, get, isNph ? first : undefined);
  if (status === undefined || status < 200 || status > 999) {
    const given = get('status') ?? first;
    add(
      'status-malformed',
      'fails',
      `The status is ${show(given)}. It has three digits, from 200 to 999, then a space and a reason. Apache answers 500 to others, lighttpd 502.`,
      'Write "Status: 404 Not Found".',
    );
    return { status: undefined, headers, body, findings };
  }
  const location = get('location');
  if (get('status') !== undefined && status === 200 && location !== undefined) {
    add(
      'location-with-200',
      'may-fail',
      `The head has "Location: ${decodeBytes(location)}" and the status 200. Apache follows such a Location itself and drops the page.`,
      'Write "Status: 302 Found", or leave Location out.',
    );
  }
  if (get('content-type') === undefined && location === undefined && body !== '' && method !== 'HEAD') {
    add(
      'content-type-missing',
      'may-fail',
      'The head has no Content-Type (RFC 3875 §6.3.1). The server adds none, and each browser makes its own guess.',
      'Write "Content-Type: text/html; charset=utf-8".',
    );
  }
  if (status !== 200 && lines[0] !== undefined && !isNph && !/^Status: /.test(lines[0])) {
    add(
      'status-not-first',
      'note',
      `The status ${status} is not the first line of the head. busybox httpd then answers 200; it knows only "Status: " at the very beginning.`,
      'Write the line "Status: …" before all others.',
    );
  }
  examineLength(get('content-length'), body, method, add);
  return { status, headers, body, findings };
}

type Add = (code: FindingCode, severity: Severity, problem: string, mend: string) => void;

function examineLength(length: string | undefined, body: string, method: string, add: Add): void {
  if (method === 'HEAD') {
    if (body.length === 0) return;
    add(
      'body-on-head',
      'note',
      `The answer to HEAD has a body of ${body.length} bytes. Apache, lighttpd and nginx drop it; busybox httpd and Python's http.server send it, and the client takes it for the next response.`,
      'Write no body where REQUEST_METHOD is HEAD.',
    );
    return;
  }
  if (length === undefined) return;
  if (!/^\d+$/.test(length)) {
    add(
      'content-length-wrong',
      'fails',
      `Content-Length is ${show(length)}. It is the number of bytes in the body, in digits.`,
      'Count the bytes.',
    );
  } else if (Number(length) !== body.length) {
    const effect =
      Number(length) < body.length ? 'The client sees a page that is cut short' : 'The client waits for the rest, or sees an error';
    add(
      'content-length-wrong',
      'fails',
      `Content-Length is ${length}, and the body has ${body.length} bytes. ${effect}.`,
      'Count bytes, not characters (Buffer.byteLength, len(text.encode())), or leave the header out.',
    );
  }
}

function statusOf(lines: readonly string[], get: (name: string) => string | undefined, statusLine: string | undefined): number | undefined {
  const given = statusLine?.replace(/^HTTP\/\S+\s*/, '') ?? get('status');
  if (given === undefined) return get('location') === undefined || lines.length === 0 ? 200 : 302;
  const [, code] = /^(\d{3})(?:\s|$)/.exec(given) ?? [];
  return code === undefined ? undefined : Number(code);
}

/** Splits output into the lines of its head and its body. Lines end in LF or CRLF. */
function split(text: string): { lines: string[]; body: string; isComplete: boolean } {
  const lines: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const line = (end < 0 ? text.slice(at) : text.slice(at, end)).replace(/\r$/, '');
    at = end < 0 ? text.length : end + 1;
    if (line === '' && end >= 0) return { lines, body: text.slice(at), isComplete: true };
    lines.push(line);
  }
  return { lines, body: '', isComplete: false };
}

/** Returns the first `length` bytes of a byte string, without a UTF-8 character that may be cut at the end. */
function truncate(text: string, length: number): string {
  return text.length > length ? text.slice(0, length).replace(/[\xc0-\xff][\x80-\xbf]*$/, '') : text;
}

function show(text: string): string {
  return JSON.stringify(`${decodeBytes(truncate(text, 80))}${text.length > 80 ? '…' : ''}`);
}

/** Returns the first lines of an output. */
function firstLines(text: string): string {
  return decodeBytes(truncate(text, 300)).split('\n').slice(0, 4).join('\n');
}
