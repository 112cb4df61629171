// The request of environ as an IncomingMessage of node:http: a real one, so that what swaps its prototype (Express)
// or asks for its class finds what it looks for. Behind it there is a body, and no connection.

import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { clientAddress } from '../environ/address.ts';
import { rawPath } from '../environ/path.ts';
import { rawQuery } from '../environ/uri.ts';
import type { Environ } from '../types.ts';

/** As Express has it. */
interface Mounted {
  /** The path up to the application. */
  baseUrl?: string;
  /** The whole. */
  originalUrl?: string;
}

export interface Incoming {
  request: IncomingMessage;
  /** Once the response is out: drops what nobody reads, and waits for who is reading. */
  release(): void | Promise<void>;
}

/** Returns the request of `environ`. Its body is asked for block by block, when somebody reads it; `onBroken` is told when that fails. */
export function requestOf(environ: Environ, onBroken: (error: unknown) => void): Incoming {
  const request: IncomingMessage & Mounted = new IncomingMessage(socketOf(environ));
  const { scriptName, pathInfo } = rawPath(environ);
  const query = rawQuery(environ) || (String(environ.REQUEST_URI).endsWith('?') ? '?' : '');
  request.url = (pathInfo || '/') + query;
  if (scriptName !== '') {
    request.baseUrl = scriptName;
    request.originalUrl = scriptName + pathInfo + query;
  }
  if (environ.REQUEST_URI === '*') request.url = '*'; // OPTIONS of the server itself
  request.method = environ.REQUEST_METHOD;
  request.upgrade = false;
  const [, version = '1.1'] = /^HTTP\/(\d\.\d)$/.exec(environ.SERVER_PROTOCOL) ?? [];
  request.httpVersion = version;
  request.httpVersionMajor = Number(version.charAt(0));
  request.httpVersionMinor = Number(version.charAt(2));
  const headers = rawHeadersOf(environ);
  request._addHeaderLines(headers, headers.length);
  request.complete = !announcesBody(environ);

  let blocks: AsyncIterator<Buffer> | undefined;
  /** How much of the body is still to come; NaN where only its end will tell. */
  let left = Number(environ.CONTENT_LENGTH || NaN);
  let isEnded = false;
  const end = () => {
    if (isEnded) return;
    isEnded = true;
    request.complete = true;
    request.push(null);
  };
  // On the object itself: Express swaps the prototype.
  request._read = () => {
    if (!blocks) {
      blocks = environ['wsgi.input'][Symbol.asyncIterator]();
      request._readableState.readingMore = false; // as Node's own first _read() does
    }
    blocks.next().then(
      ({ done, value }) => {
        if (!done && !isEnded) request.push(value);
        left -= value?.length ?? 0;
        // Complete with its last byte, as node:http has it, and not only when somebody asks for more.
        if (done || left === 0) end();
      },
      (error: Error) => {
        onBroken(error);
        request.destroy(error);
      },
    );
  };
  // A gateway that stays has the body when it calls, and a message of node:http takes in what is there, read or not.
  if (!request.complete && !environ['wsgi.run_once']) setImmediate(() => request.destroyed || request.read(0));

  const release = (): void | Promise<void> => {
    if (isRead(request) && !request.destroyed) return new Promise((resolve) => request.once('close', resolve));
    if (request.readableDidRead && !isEnded) {
      request.destroy();
    } else {
      // As Node does, but without reading what may be long.
      end();
      request.resume();
    }
  };
  return { request, release };
}

/** Whether somebody goes on reading: what is paused may be so forever. */
function isRead(request: IncomingMessage): boolean {
  return Boolean(request.readableFlowing) || request._readableState.pipes.length > 0 || request.listenerCount('readable') > 0;
}

/** Whether the headers announce a body, be it one of no bytes: node:http calls such a request complete only at the end of it. */
function announcesBody({ CONTENT_LENGTH: length, HTTP_TRANSFER_ENCODING: coding }: Environ): boolean {
  return coding ? true : Number(length) > 0;
}

function rawHeadersOf(environ: Environ): string[] {
  const headers: string[] = [];
  for (const [name, value] of Object.entries(environ)) {
    if (typeof value !== 'string') continue;
    const isHeader = name.startsWith('HTTP_') || ((name === 'CONTENT_TYPE' || name === 'CONTENT_LENGTH') && value !== '');
    if (isHeader) headers.push(headerName(name.replace(/^HTTP_/, '')), value);
  }
  return headers;
}

/** "ACCEPT_LANGUAGE" as clients write it: "Accept-Language". */
function headerName(name: string): string {
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('-');
}

/** A socket that was never connected, and says of the client what environ says. */
function socketOf(environ: Environ): Socket {
  const socket = new Socket();
  const { REMOTE_ADDR: client, REMOTE_PORT: remotePort, SERVER_ADDR: localAddress = '127.0.0.1', SERVER_PORT: localPort } = environ;
  const remoteAddress = clientAddress(client);
  const family = (address: unknown) => address && (String(address).includes(':') ? 'IPv6' : 'IPv4');
  const local = { address: localAddress, family: family(localAddress), port: Number(localPort) };
  const values = {
    remoteAddress,
    remotePort: remotePort === undefined ? undefined : Number(remotePort),
    remoteFamily: family(remoteAddress),
    localAddress,
    localPort: local.port,
    localFamily: local.family,
    address: () => local,
    pending: false,
    ...(environ['wsgi.url_scheme'] === 'https' && { encrypted: true, authorized: false }),
  };
  for (const [name, value] of Object.entries(values)) Object.defineProperty(socket, name, { value, configurable: true, enumerable: true });
  return socket;
}
