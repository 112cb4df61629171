// The web server's side of FastCGI 1.0: makes records as bytes, sends them, and parses the answers. It was written without a
// look at src/fastcgi, so that both do not share a mistake.

import { once } from 'node:events';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { type FastCgiOptions, serveFastCgi } from '../../src/fastcgi/index.ts';
import type { Application, ApplicationFunction } from '../../src/types.ts';
import { type ContractError, validator } from '../../src/validator/index.ts';
import { until } from '../host/processes.ts';

export const TYPES = {
  BEGIN_REQUEST: 1,
  ABORT_REQUEST: 2,
  END_REQUEST: 3,
  PARAMS: 4,
  STDIN: 5,
  STDOUT: 6,
  STDERR: 7,
  DATA: 8,
  GET_VALUES: 9,
  GET_VALUES_RESULT: 10,
  UNKNOWN_TYPE: 11,
} as const;
export type TypeName = keyof typeof TYPES;

/** Returns one record. A string as its content is a byte string. */
export function record(type: TypeName | number, id: number, content: string | Uint8Array = '', padding = 0, version = 1): Buffer {
  const body = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  const number = typeof type === 'number' ? type : TYPES[type];
  const head = [version, number, id >> 8, id & 255, body.length >> 8, body.length & 255, padding, 0];
  return Buffer.concat([Buffer.of(...head), body, Buffer.alloc(padding, 0xee)]);
}

/** Returns name-value pairs. With `long`, all lengths have four bytes. */
export function pairs(variables: Record<string, string>, long = false): Buffer {
  const length = (text: string) => (text.length > 127 || long ? word(text.length + 2 ** 31) : Buffer.of(text.length));
  return Buffer.concat(
    Object.entries(variables).flatMap(([name, value]) => [length(name), length(value), Buffer.from(name + value, 'latin1')]),
  );
}

function word(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

export const KEEP = 1;

export function begin(id: number, flags = KEEP, role = 1): Buffer {
  return record('BEGIN_REQUEST', id, Buffer.of(role >> 8, role & 255, flags, 0, 0, 0, 0, 0));
}

export const VARIABLES = { REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app', SERVER_NAME: 'site.example', SERVER_PORT: '80' };

export function params(id: number, variables: Record<string, string> = {}): Buffer {
  return Buffer.concat([record('PARAMS', id, pairs({ ...VARIABLES, ...variables })), record('PARAMS', id)]);
}

export function stdin(id: number, body = ''): Buffer {
  return Buffer.concat([body === '' ? Buffer.alloc(0) : record('STDIN', id, body), record('STDIN', id)]);
}

/** Returns all records of a request. CONTENT_LENGTH is the length of `body`, unless `variables` have another one. */
export function request(id: number, variables: Record<string, string> = {}, body = '', flags = KEEP): Buffer {
  const length = body === '' ? {} : { REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(body.length) };
  return Buffer.concat([begin(id, flags), params(id, { ...length, ...variables }), stdin(id, body)]);
}

/** Returns the records of an answer: `stdout`, the end of that stream, and END_REQUEST. */
export function answer(id: number, stdout: string, protocolStatus = 0): Buffer {
  return Buffer.concat([record('STDOUT', id, stdout), record('STDOUT', id), end(id, protocolStatus)]);
}

export function end(id: number, protocolStatus = 0): Buffer {
  return record('END_REQUEST', id, Buffer.of(0, 0, 0, 0, protocolStatus, 0, 0, 0));
}

/** Returns the response of a CGI script. */
export function response(status: string, headers: string[], body = ''): string {
  return [`Status: ${status}`, ...headers, '', body].join('\r\n');
}

/** Returns a response with a text as its body, and its length. */
export function text(body: string, status = '200 OK'): string {
  return response(status, ['Content-Type: text/plain', `Content-Length: ${body.length}`], body);
}

export interface Received {
  type: string;
  id: number;
  /** A byte string. */
  content: string;
}

/** Returns the whole records in `bytes`. Fails the test at another version than 1. */
export function parse(bytes: Buffer): Received[] {
  const records: Received[] = [];
  let at = 0;
  while (at < bytes.length) {
    expect(bytes[at]).toBe(1);
    const length = bytes.readUInt16BE(at + 4);
    const next = at + 8 + length + bytes.readUInt8(at + 6);
    if (next > bytes.length) break;
    const type = Object.entries(TYPES).find(([, number]) => number === bytes[at + 1])?.[0] ?? String(bytes[at + 1]);
    records.push({ type, id: bytes.readUInt16BE(at + 2), content: bytes.toString('latin1', at + 8, at + 8 + length) });
    at = next;
  }
  return records;
}

/** Returns the joined contents of all records of one type and request. */
export function stream(bytes: Buffer, type: TypeName, id = 1): string {
  return parse(bytes)
    .filter((one) => one.type === type && one.id === id)
    .map((one) => one.content)
    .join('');
}

export class Client {
  readonly socket: Socket;
  /** What was received, in the pieces in which it came. */
  pieces: Buffer[] = [];
  closed = false;
  #length = 0;
  /** The beginning of a record whose end has not come. */
  #unfinished: Buffer = Buffer.alloc(0);
  /** How many END_REQUESTs have come. */
  #ends = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece: Buffer) => {
      this.pieces.push(piece);
      this.#length += piece.length;
      this.#countEnds(piece);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.pieces);
  }

  send(...bytes: Uint8Array[]): this {
    this.socket.write(Buffer.concat(bytes));
    return this;
  }

  /** Waits for `count` END_REQUESTs, and returns all that was received. */
  async ends(count = 1): Promise<Buffer> {
    await until(() => this.#ends >= count);
    return this.received;
  }

  #countEnds(piece: Buffer): void {
    const bytes = Buffer.concat([this.#unfinished, piece]);
    let at = 0;
    while (at + 8 <= bytes.length) {
      const next = at + 8 + bytes.readUInt16BE(at + 4) + bytes.readUInt8(at + 6);
      if (next > bytes.length) break;
      if (bytes[at + 1] === TYPES.END_REQUEST) this.#ends++;
      at = next;
    }
    this.#unfinished = bytes.subarray(at);
  }

  /** Waits for `count` bytes. */
  async bytes(count: number): Promise<Buffer> {
    await until(() => this.#length >= count);
    return this.received;
  }

  /** Waits until the gateway closes the connection, and returns all that was received. */
  async end(): Promise<Buffer> {
    await until(() => this.closed);
    return this.received;
  }
}

export interface Serving {
  server: Server;
  port: number;
  /** What was written to the log. */
  readonly errors: string;
  client(): Client;
}

/** Serves `application` until the test is over. The test fails when the gateway breaks the contract of PEP 3333. */
export async function serve(application: ApplicationFunction, options: FastCgiOptions = {}): Promise<Serving> {
  let errors = '';
  const log = {
    write(words: string) {
      errors += words;
    },
  };
  const violations: ContractError[] = [];
  const report = (violation: ContractError) => violation.side === 'server' && violations.push(violation);
  const observed: Application = validator(application, { report });
  const isPlaced = options.socket !== undefined || options.fd !== undefined;
  const server = serveFastCgi(observed, { errors: log, ...(isPlaced ? {} : { port: 0 }), ...options });
  await once(server, 'listening');
  const clients: Client[] = [];
  onTestFinished(() => {
    server.close();
    for (const { socket } of clients) socket.destroy();
    expect(violations).toEqual([]);
  });
  const address = server.address() as AddressInfo | string;
  const port = typeof address === 'string' ? 0 : address.port;
  return {
    server,
    port,
    get errors() {
      return errors;
    },
    client() {
      const client = new Client(typeof address === 'string' ? connect(address) : connect(port, '127.0.0.1'));
      clients.push(client);
      return client;
    },
  };
}
