// An HTTP client that sends exactly the bytes it is given, and shows the response as it came.

import { connect, type Socket } from 'node:net';

export interface Answer {
  status: number;
  reason: string;
  /** In the order they came, names in lower case. */
  headers: [name: string, value: string][];
  /** A byte string; chunked framing is taken off. */
  body: string;
  /** Whether the end that the response announces has come, a last chunk or all of Content-Length. */
  isWhole: boolean;
  /** When each piece of the response arrived, in milliseconds from the first. */
  arrivals: number[];
}

export interface Question {
  method?: string;
  path?: string;
  headers?: string[];
  body?: string | Buffer;
  host?: string;
}

/** Sends one request as HTTP/1.1 with "Connection: close" and reads to the end. */
export function ask(
  port: number,
  { method = 'GET', path = '/', headers = [], body, host = 'site.example:8080' }: Question,
): Promise<Answer> {
  const length =
    body === undefined || headers.some((line) => /^(?:content-length|transfer-encoding):/i.test(line))
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...length, ...headers, '', ''].join('\r\n');
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const arrivals: number[] = [];
    const socket = open(port, Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')]));
    socket.on('data', (piece) => {
      pieces.push(piece);
      arrivals.push(Date.now());
    });
    socket.on('error', (error) => {
      // A server may close a connection before it has read all that we send; its answer counts all the same.
      if (pieces.length === 0) reject(error);
    });
    socket.on('close', () => {
      const first = arrivals[0] ?? 0;
      resolve({ ...parse(Buffer.concat(pieces).toString('latin1')), arrivals: arrivals.map((time) => time - first) });
    });
  });
}

/** Returns a new connection on which `bytes` are sent. */
export function open(port: number, bytes: Buffer | string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return socket;
}

function parse(text: string): Omit<Answer, 'arrivals'> {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const [, status, reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(statusLine) ?? [];
  if (status?.startsWith('1')) return parse(text.slice(end + 4));
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const isChunked = headers.some(([name, value]) => name === 'transfer-encoding' && value === 'chunked');
  const body = end < 0 ? '' : text.slice(end + 4);
  const length = headers.find(([name]) => name === 'content-length')?.[1];
  const isWhole = isChunked ? /(^|\r\n)0\r\n\r\n$/.test(body) : length === undefined || body.length >= Number(length);
  return { status: Number(status ?? 0), reason, headers, body: isChunked ? unchunk(body) : body, isWhole };
}

function unchunk(text: string): string {
  let body = '';
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, end), 16);
    if (!length) break;
    body += text.slice(end + 2, end + 2 + length);
    at = end + 2 + length + 2;
  }
  return body;
}

/** Returns the values of the header `name`, which is in lower case. */
export function header(answer: Answer, name: string): string[] {
  return answer.headers.filter(([one]) => one === name).map(([, value]) => value);
}
