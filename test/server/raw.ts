// A development server for the time of a test, and requests to it byte for byte.

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { makeServer, type ServerOptions } from '../../src/server/index.ts';
import type { Application } from '../../src/types.ts';
import { open } from '../servers/client.ts';

export interface Serving {
  server: Server;
  port: number;
  /** What the server has written to wsgi.errors, and to its access log. */
  readonly errors: string;
  readonly access: string;
}

/** Serves `application` until the test is over. */
export async function serve(application: Application, options: ServerOptions = {}): Promise<Serving> {
  let errors = '';
  let access = '';
  const server = makeServer('127.0.0.1', 0, application, {
    errors: {
      write(text) {
        errors += text;
      },
    },
    accessLog: {
      write(text) {
        access += text;
      },
    },
    ...options,
  });
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    server,
    port,
    get errors() {
      return errors;
    },
    get access() {
      return access;
    },
  };
}

/** Sends `bytes`, and returns what the server sends until it closes the connection, as a byte string. */
export async function exchange(port: number, bytes: string): Promise<string> {
  const socket = open(port, Buffer.from(bytes, 'latin1'));
  let received = '';
  socket.on('data', (piece) => {
    received += piece.toString('latin1');
  });
  // node:http closes a connection before it has read all of a head that is too long, and the system then resets it. The reset
  // comes behind the answer, and is no failure if there is one.
  const error = await new Promise<unknown>((resolve) => {
    socket.on('error', resolve).on('close', () => resolve(undefined));
  });
  if (error && received === '') throw error;
  return received;
}

/** Returns `text` without the header lines that Node adds by itself. */
export function withoutDate(text: string): string {
  return text.replace(/Date: [^\r]*\r\n/g, '');
}
