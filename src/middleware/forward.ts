// Remote processing: an application that is somewhere else, behind HTTP.

import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { hasBody } from '../environ/body-length.ts';
import { rawPath } from '../environ/path.ts';
import { rawQuery } from '../environ/uri.ts';
import { ApplicationError } from '../errors.ts';
import { checkHeaders, checkStatus } from '../gateway/checks.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { pipeInput } from '../gateway/pipe-input.ts';
import { reasonOf } from '../gateway/reasons.ts';
import { sanitizeHeaders, sanitizeReason } from '../gateway/sanitize.ts';
import type { ApplicationFunction, Block, Closable, Environ, Header, StartResponse } from '../types.ts';

export interface ForwardOptions {
  /** Milliseconds of silence after which an upstream server counts as down. Default: 60 000. */
  timeout?: number;
}

/**
 * Returns an application that passes the request on to one of `upstreams`, the URLs of HTTP servers that do
 * the same: what is left of the path is appended to the URL's. It begins with any of them, and tries the
 * next where one is down, as long as that can do no harm: nothing of the request has been sent, or nothing has
 * come back, the request has no body and its method is idempotent. Bodies are streamed both ways. Where every
 * server is down, or the last one tried gives no response that can be passed on, the answer is 502, and 504 when
 * it was too slow.
 *
 * The servers learn of the client by X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and
 * X-Forwarded-Prefix. Throws a `TypeError` when there is no upstream, or one that is no http or https URL.
 */
export function forward(upstreams: readonly string[], options: ForwardOptions = {}): ApplicationFunction {
  const { timeout = 60_000 } = options;
  const servers = upstreams.map(parse);
  if (servers.length === 0) throw new TypeError('forward() needs at least one upstream URL');

  return (environ, startResponse) => new Forwarding(servers, timeout, environ, startResponse);
}

/** A response body whose first block waits for a server's head. It can be closed at any time, so that a client which leaves is heard of. */
class Forwarding implements AsyncIterable<Block>, Closable {
  #servers: readonly URL[];
  #timeout: number;
  #environ: Environ;
  #startResponse: StartResponse;
  #attempt: Attempt | undefined;
  #isClosed = false;

  constructor(servers: readonly URL[], timeout: number, environ: Environ, startResponse: StartResponse) {
    this.#servers = servers;
    this.#timeout = timeout;
    this.#environ = environ;
    this.#startResponse = startResponse;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Block, void> {
    const { status, headers, body } = await this.#ask();
    const write = this.#startResponse(status, headers);
    // Of a body that comes together with the head, something is there by now.
    if (body.readableLength === 0 && !body.complete) await write.flushHeaders?.();
    yield* body;
  }

  close(): void {
    this.#isClosed = true;
    this.#attempt?.end();
  }

  /** Returns the answer of the first server that gives one. Throws when none does. */
  async #ask(): Promise<Answer> {
    const servers = this.#servers;
    const first = Math.floor(Math.random() * servers.length);
    for (let tried = 0; ; tried++) {
      const server = servers[(first + tried) % servers.length] as URL;
      const attempt = new Attempt(open(server, this.#environ, this.#timeout));
      this.#attempt = attempt;
      try {
        return answerOf(await attempt.exchange(this.#environ));
      } catch (error) {
        attempt.end();
        if (!this.#isClosed && tried + 1 < servers.length && attempt.mayBeRepeated(this.#environ)) continue;
        throw failure(server, error);
      }
    }
  }
}

interface Answer {
  status: string;
  headers: Header[];
  body: IncomingMessage;
}

function parse(upstream: string): URL {
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined;
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new TypeError(`An upstream is a URL like "http://10.0.0.1:8080/base", got ${JSON.stringify(upstream)}`);
}

function open(server: URL, environ: Environ, timeout: number): ClientRequest {
  const options: RequestOptions = {
    method: environ.REQUEST_METHOD,
    path: targetOf(server, environ),
    headers: requestHeaders(server, environ).flat(),
    timeout,
    agent: false, // a connection that was kept may close just when we send something that cannot be sent twice
  };
  const { request } = process.getBuiltinModule(server.protocol === 'https:' ? 'node:https' : 'node:http');
  return request(server, options);
}

function targetOf(server: URL, environ: Environ): string {
  const path = server.pathname.replace(/\/$/, '') + rawPath(environ).pathInfo;
  return (path || '/') + rawQuery(environ);
}

function requestHeaders(server: URL, environ: Environ): Header[] {
  const connection = namesIn(environ.HTTP_CONNECTION);
  const headers: Header[] = [['Host', server.host]];
  for (const [variable, value] of Object.entries(environ)) {
    if (!variable.startsWith('HTTP_') || typeof value !== 'string') continue;
    const name = variable.slice(5).toLowerCase().replaceAll('_', '-');
    // Expect has been answered already, and what follows is said anew below.
    if (isHopByHop(name) || connection.has(name) || /^(?:host|expect|x-forwarded-(?:for|proto|host|prefix))$/.test(name)) continue;
    headers.push([name, value]);
  }
  const { REMOTE_ADDR: client, HTTP_X_FORWARDED_FOR: before, HTTP_HOST: host, SCRIPT_NAME: prefix } = environ;
  const clients = [before, client].filter(Boolean).join(', ');
  if (clients) headers.push(['X-Forwarded-For', clients]);
  headers.push(['X-Forwarded-Proto', environ['wsgi.url_scheme']]);
  if (host) headers.push(['X-Forwarded-Host', host]);
  if (prefix) headers.push(['X-Forwarded-Prefix', rawPath(environ).scriptName]);
  if (environ.CONTENT_TYPE) headers.push(['Content-Type', environ.CONTENT_TYPE]);
  if (environ.CONTENT_LENGTH) headers.push(['Content-Length', environ.CONTENT_LENGTH]);
  else if (hasBody(environ)) headers.push(['Transfer-Encoding', 'chunked']);
  return headers;
}

/** More of them say nothing that could be waited for. */
const INTERIM = 100;

/** One request to one server. */
class Attempt {
  #request: ClientRequest;
  #isConnected = false;

  constructor(request: ClientRequest) {
    this.#request = request;
  }

  /** Sends the request, its body once there is a connection; resolves to the response when its head has come. */
  async exchange(environ: Environ): Promise<IncomingMessage> {
    const request = this.#request;
    const responding = new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve).on('error', reject);
      request.on('timeout', () => request.destroy(new TooSlow()));
      let interim = 0;
      request.on('information', () => {
        if (++interim > INTERIM) request.destroy(new Error('it sends one interim response after the other'));
      });
      // With these Node hands the connection over, and minds it no longer.
      request.on('upgrade', (_response, socket) => {
        socket.destroy();
        reject(new Error('it changed the protocol, which nobody asked for'));
      });
      request.on('connect', ({ statusCode }, socket) => {
        socket.destroy();
        reject(new Error(`it answered CONNECT with ${statusCode}, and a tunnel cannot be passed on`));
      });
    });
    const connected = this.#connected();
    if (!hasBody(environ)) {
      request.end();
      return responding;
    }
    await Promise.race([connected, responding]);
    const sending = pipeInput(environ['wsgi.input'], request);
    // A server may answer, and close, before it has read everything.
    return Promise.race([responding, sending.then(() => responding)]);
  }

  /** Whether the request can do no harm when it is sent to another server, too. RFC 9110 §9.2.2 */
  mayBeRepeated(environ: Environ): boolean {
    if (!this.#isConnected) return true;
    const hasAnswer = (this.#request.socket?.bytesRead ?? 0) > 0;
    return !hasAnswer && !hasBody(environ) && ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'].includes(environ.REQUEST_METHOD);
  }

  end(): void {
    this.#request.destroy();
  }

  #connected(): Promise<void> {
    const request = this.#request;
    return new Promise((resolve) => {
      request.on('socket', (socket) => {
        socket.once(request.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
          this.#isConnected = true;
          resolve();
        });
      });
    });
  }
}

class TooSlow extends Error {}

/** A response has come, and it is none that a gateway sends. */
class Unfit extends Error {}

function failure(server: URL, error: unknown): unknown {
  // The client's own failure to send its body is not the server's.
  if (error instanceof Error && 'statusHint' in error) return error;
  if (error instanceof TooSlow) return new ApplicationError('upstream-failed', `${server.origin} was silent for too long`, 504);
  const what = error instanceof Unfit ? 'gave a response that cannot be passed on' : 'gave no response';
  return new ApplicationError('upstream-failed', `${server.origin} ${what}: ${error instanceof Error ? error.message : error}`, 502);
}

/** A response without what concerns only our own connection to the server. Throws an `Unfit` for one that no gateway sends. */
function answerOf(response: IncomingMessage): Answer {
  const { statusCode = 0, statusMessage = '', rawHeaders } = response;
  const connection = namesIn(response.headers.connection);
  const given: Header[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    if (!connection.has(name.toLowerCase())) given.push([name, value]);
  }
  const status = `${statusCode} ${sanitizeReason(statusMessage, reasonOf(statusCode))}`;
  try {
    checkStatus(status);
    return { status, headers: checkHeaders(sanitizeHeaders(given)), body: response };
  } catch (error) {
    throw error instanceof ApplicationError ? new Unfit(error.message) : error;
  }
}

/** Of headers that end with the connection. RFC 9110 §7.6.1 */
function namesIn(connection = ''): Set<string> {
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
