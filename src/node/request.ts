// The request of environ as an IncomingMessage of node:http. It is a real one, because Express swaps its prototype and others
// ask for its class. It reads the body from wsgi.input, and its socket was never connected.

import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { clientAddress } from '../environ/address.ts';
import { requestHeaders } from '../environ/http.ts';
import { rawPath } from '../environ/path.ts';
import { rawQuery } from '../environ/uri.ts';
import type { Environ, Header } from '../types.ts';

/** The properties of a request that hold its URL: `url`, and what a router of Express adds. */
export interface UrlProperties {
  url: string;
  /** The path up to the application. */
  baseUrl?: string;
  /** The whole path, and the query. */
  originalUrl?: string;
}

export interface Incoming {
  request: IncomingMessage;
  /** Called when the response is out: drops a body that nobody reads, and waits for a listener that still reads it. */
  release(): void | Promise<void>;
}

/** Returns the request of `environ`. Its body is read block by block as the listener asks for it. `onError` gets the error when that fails. */
export function requestOf(environ: Environ, onError: (error: unknown) => void): Incoming {
  const socket = new Socket();
  pretendAddresses(socket, environ);
  const request = new IncomingMessage(socket);
  Object.assign(request, urlProperties(environ));
  request.method = environ.REQUEST_METHOD;
  Object.assign(request, { upgrade: false });
  const [, version = '1.1'] = /^HTTP\/(\d\.\d)$/.exec(environ.SERVER_PROTOCOL) ?? [];
  request.httpVersion = version;
  request.httpVersionMajor = Number(version.charAt(0));
  request.httpVersionMinor = Number(version.charAt(2));
  setHeaders(request, environ);
  request.complete = !announcesBody(environ);

  let blocks: AsyncIterator<Buffer> | undefined;
  /** How many bytes of the body are still to come; NaN where only its end will tell. */
  let left = Number(environ.CONTENT_LENGTH || NaN);
  let isEnded = false;
  const end = () => {
    if (isEnded) return;
    isEnded = true;
    request.complete = true;
    request.push(null);
  };
  // The method is set on the object itself, because Express swaps the prototype.
  const { _read: beginReading } = request;
  request._read = (size) => {
    if (!blocks) {
      blocks = environ['wsgi.input'][Symbol.asyncIterator]();
      // The first _read() of node:http also allows its stream to read ahead.
      beginReading.call(request, size);
    }
    blocks.next().then(
      ({ done, value }) => {
        if (!done && !isEnded) request.push(value);
        left -= value?.length ?? 0;
        // A message of node:http is complete with its last byte, and not only when its reader asks for more.
        if (done || left === 0) end();
      },
      (error: Error) => {
        onError(error);
        request.destroy(error);
      },
    );
  };
  // A gateway that stays has the whole body by now, and node:http takes in what has arrived, whether or not anybody reads it.
  if (!request.complete && !environ['wsgi.run_once']) setImmediate(() => request.destroyed || request.read(0));

  const isRead = watchReaders(request);
  const release = (): void | Promise<void> => {
    if (isRead() && !request.destroyed) return new Promise((resolve) => request.once('close', resolve));
    if (request.readableDidRead && !isEnded) {
      request.destroy();
    } else {
      // node:http drops an unread body as well. Here it is ended instead of read, since it may be long.
      end();
      request.resume();
    }
  };
  return { request, release };
}

/** Returns the properties that hold the URL of the request of `environ`. */
export function urlProperties(environ: Environ): UrlProperties {
  if (environ.REQUEST_URI === '*') return { url: '*' }; // OPTIONS of the server itself
  const { scriptName, pathInfo } = rawPath(environ);
  const query = rawQuery(environ) || (String(environ.REQUEST_URI).endsWith('?') ? '?' : '');
  const url = (pathInfo || '/') + query;
  return scriptName === '' ? { url } : { url, baseUrl: scriptName, originalUrl: scriptName + pathInfo + query };
}

/**
 * Returns a function that says whether anybody goes on reading `request`. A reader that has paused it may never go on; but a
 * stream that it is piped to pauses it only until it takes more.
 */
function watchReaders(request: IncomingMessage): () => boolean {
  const piped = new Set<Writable>();
  const { pipe } = request;
  request.pipe = (destination, options) => {
    const stream: unknown = destination;
    if (isWritable(stream)) {
      piped.add(stream);
      stream.once('unpipe', (source) => source === request && piped.delete(stream));
    }
    return pipe.call(request, destination, options) as typeof destination;
  };
  return () => Boolean(request.readableFlowing) || piped.size > 0 || request.listenerCount('readable') > 0;
}

function isWritable(stream: unknown): stream is Writable {
  return typeof stream === 'object' && stream !== null && 'once' in stream && typeof stream.once === 'function';
}

/** Whether node:http would wait for a body: for a length above 0, or a transfer coding even if no bytes follow. */
export function announcesBody({ CONTENT_LENGTH: length, HTTP_TRANSFER_ENCODING: coding }: Environ): boolean {
  return coding ? true : Number(length) > 0;
}

/** Sets the headers in the three forms that a message has them. Each has one value, as environ has. */
function setHeaders(request: IncomingMessage, environ: Environ): void {
  const headers: Record<string, string | string[]> = {};
  const headersDistinct: Record<string, string[]> = Object.create(null);
  const given = headersOf(environ);
  for (const [name, value] of given) {
    const key = name.toLowerCase();
    headersDistinct[key] = [...(headersDistinct[key] ?? []), value];
    // Some servers give HTTP_CONTENT_TYPE beside CONTENT_TYPE. node:http takes the first of two.
    if (!Object.hasOwn(headers, key)) headers[key] = key === 'set-cookie' ? [value] : value;
  }
  request.rawHeaders = given.flat();
  request.headers = headers;
  request.headersDistinct = headersDistinct;
}

/** Returns the headers of the request, with the names as clients write them: "Accept-Language". */
export function headersOf(environ: Environ): Header[] {
  const capitalized = (name: string) => name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
  return requestHeaders(environ).map(([name, value]) => [capitalized(name), value]);
}

/** Gives a socket that was never connected the addresses that environ names. */
export function pretendAddresses(socket: Duplex, environ: Environ): void {
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
}
