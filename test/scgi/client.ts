// The web server's side of SCGI: makes requests as bytes, and collects the answer until the connection ends.

import { once } from 'node:events';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { type ScgiOptions, serveScgi } from '../../src/scgi/index.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { type ContractError, validator } from '../../src/validator/index.ts';
import { until } from '../host/processes.ts';

export const VARIABLES = { SCGI: '1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app', SERVER_NAME: 'site.example', SERVER_PORT: '80' };

/** Returns `headers` as a netstring, CONTENT_LENGTH first. */
export function head(variables: Record<string, string>, length: string | number): string {
  const text = Object.entries({ CONTENT_LENGTH: String(length), ...VARIABLES, ...variables })
    .map((pair) => `${pair.join('\0')}\0`)
    .join('');
  return `${text.length}:${text},`;
}

/** Returns a whole request as a byte string. */
export function request(variables: Record<string, string> = {}, body = ''): string {
  return head(variables, body.length) + body;
}

/** Returns the response of a CGI script. */
export function response(status: string, headers: string[], body = ''): string {
  return [`Status: ${status}`, ...headers, '', body].join('\r\n');
}

/** Returns a response with a text as its body, and its length. */
export function text(body: string, status = '200 OK'): string {
  return response(status, ['Content-Type: text/plain', `Content-Length: ${body.length}`], body);
}

export class Client {
  readonly socket: Socket;
  closed = false;
  #pieces: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece: Buffer) => this.#pieces.push(piece));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** What was received, a byte string. */
  get received(): string {
    return Buffer.concat(this.#pieces).toString('latin1');
  }

  get pieces(): number {
    return this.#pieces.length;
  }

  send(bytes: string): this {
    this.socket.write(bytes, 'latin1');
    return this;
  }

  /** Waits until the gateway closes the connection, and returns all that was received. */
  async end(): Promise<string> {
    await until(() => this.closed);
    return this.received;
  }
}

export interface Serving {
  server: Server;
  readonly errors: string;
  client(): Client;
}

/** Serves `application` until the test is over. The test fails when the gateway breaks the contract of PEP 3333. */
export async function serve(application: ApplicationFunction, options: ScgiOptions = { port: 0 }): Promise<Serving> {
  let errors = '';
  const violations: ContractError[] = [];
  const report = (violation: ContractError) => violation.side === 'server' && violations.push(violation);
  const server = serveScgi(validator(application, { report }), {
    errors: {
      write(text) {
        errors += text;
      },
    },
    ...(options.socket === undefined ? { port: 0 } : {}),
    ...options,
  });
  await once(server, 'listening');
  const clients: Client[] = [];
  onTestFinished(() => {
    server.close();
    for (const { socket } of clients) socket.destroy();
    expect(violations).toEqual([]);
  });
  const address = server.address() as AddressInfo | string;
  return {
    server,
    get errors() {
      return errors;
    },
    client() {
      const client = new Client(typeof address === 'string' ? connect(address) : connect(address.port, '127.0.0.1'));
      clients.push(client);
      return client;
    },
  };
}
