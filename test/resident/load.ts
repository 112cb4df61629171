// Sends requests at full speed to a FastCGI gateway, and asks it how much memory it holds. There are plain requests, bodies,
// failures, asynchronous answers, and clients that leave in the middle of everything.

import { connect, type Socket } from 'node:net';
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  END_REQUEST,
  encodePairs,
  KEEP_CONN,
  makeRecord,
  PARAMS,
  RESPONDER,
  STDIN,
  STDOUT,
} from '../../src/fastcgi/records.ts';

/** The application. It needs a Node with --expose-gc. */
export const APPLICATION = `
import { setImmediate as turn } from 'node:timers/promises';

export async function application(environ, startResponse) {
  const plain = () => startResponse('200 OK', [['Content-Type', 'text/plain']]);
  switch (environ.PATH_INFO) {
    case '/heap': {
      for (let times = 0; times < 4; times++) {
        await turn();
        gc();
      }
      plain();
      const { heapUsed, external } = process.memoryUsage();
      return String(heapUsed + external);
    }
    case '/body': {
      const length = environ['wsgi.input'].read().length;
      plain();
      return String(length);
    }
    case '/fail':
      throw new Error('as it should');
    case '/slow':
      plain();
      return (async function* () {
        for (let block = 0; block < 3; block++) {
          await turn();
          yield 'block';
        }
      })();
    default:
      plain();
      return 'Hello, world!\\n';
  }
}
`;

const KINDS = ['/', '/', '/', '/', '/', '/', '/body', '/slow', '/fail', '/left'] as const;
const BODY = Buffer.alloc(20_000, 'x');

function makeRequest(path: string, body = Buffer.alloc(0)): Buffer {
  const pairs = encodePairs([
    ['REQUEST_METHOD', body.length > 0 ? 'POST' : 'GET'],
    ['SCRIPT_NAME', ''],
    ['PATH_INFO', path],
    ['QUERY_STRING', 'a=1'],
    ['CONTENT_LENGTH', body.length > 0 ? String(body.length) : ''],
    ['SERVER_PROTOCOL', 'HTTP/1.1'],
    ['SERVER_NAME', 'localhost'],
    ['SERVER_PORT', '80'],
    ['HTTP_HOST', 'localhost'],
    ['HTTP_USER_AGENT', 'load'],
  ]);
  const nothing = Buffer.alloc(0);
  return Buffer.concat([
    makeRecord(BEGIN_REQUEST, 1, Buffer.of(0, RESPONDER, KEEP_CONN, 0, 0, 0, 0, 0)),
    makeRecord(PARAMS, 1, pairs),
    makeRecord(PARAMS, 1, nothing),
    ...(body.length > 0 ? [makeRecord(STDIN, 1, body)] : []),
    makeRecord(STDIN, 1, nothing),
  ]);
}

const REQUESTS = new Map(KINDS.map((path) => [path, makeRequest(path, path === '/body' ? BODY : undefined)]));

/** One kept connection, on which one request follows the answer to another. */
class Client {
  #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #answer = '';
  #done: ((answer: string) => void) | undefined;

  constructor(path: string) {
    this.#socket = connect(path).on('data', (bytes) => this.#read(bytes));
  }

  /** Resolves to the content of STDOUT when the request has ended. */
  ask(request: Buffer): Promise<string> {
    this.#answer = '';
    this.#socket.write(request);
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#socket.once('error', reject);
    }).finally(() => this.#socket.removeAllListeners('error')) as Promise<string>;
  }

  /** Sends a part of a request, or a whole one and an ABORT_REQUEST, and leaves. */
  leave(request: Buffer, how: number): void {
    const bytes =
      how % 2 === 0 ? request.subarray(0, request.length / 2) : Buffer.concat([request, makeRecord(ABORT_REQUEST, 1, Buffer.alloc(0))]);
    this.#socket.on('error', () => {}).write(bytes, () => this.#socket.destroy());
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    let at = 0;
    while (at + 8 <= this.#bytes.length) {
      const end = at + 8 + this.#bytes.readUInt16BE(at + 4) + this.#bytes.readUInt8(at + 6);
      if (end > this.#bytes.length) break;
      const type = this.#bytes.readUInt8(at + 1);
      if (type === STDOUT) this.#answer += this.#bytes.toString('latin1', at + 8, end);
      at = end;
      if (type === END_REQUEST) this.#done?.(this.#answer);
    }
    this.#bytes = this.#bytes.subarray(at);
  }
}

/** Sends `count` requests of all kinds to the socket `path`, on 16 connections. */
export async function load(path: string, count: number): Promise<void> {
  let next = 0;
  const one = async () => {
    let client = new Client(path);
    while (next < count) {
      const which = next++;
      const kind = KINDS[which % KINDS.length] ?? '/';
      const request = REQUESTS.get(kind) ?? Buffer.alloc(0);
      if (kind === '/left') {
        client.leave(request, which / KINDS.length);
        client = new Client(path);
      } else {
        const answer = await client.ask(request);
        const expected =
          kind === '/fail' ? '500 Internal' : kind === '/body' ? '20000' : kind === '/slow' ? 'blockblockblock' : 'Hello, world!';
        if (!answer.includes(expected)) throw new Error(`${kind} was answered by ${answer}`);
      }
    }
    client.close();
  };
  await Promise.all(Array.from({ length: 16 }, one));
}

/** Returns how many bytes the gateway behind `path` holds after garbage collection. */
export async function heap(path: string): Promise<number> {
  const client = new Client(path);
  const answer = await client.ask(makeRequest('/heap'));
  client.close();
  return Number(/\r\n\r\n(\d+)/.exec(answer)?.[1]);
}
