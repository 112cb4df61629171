// forward(): passes requests on to HTTP servers, as a reverse proxy does.

import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { hasBody } from '../environ/body-length.ts';
import { requestHeaders } from '../environ/http.ts';
import { rawPath } from '../environ/path.ts';
import { rawQuery } from '../environ/uri.ts';
import { ApplicationError } from '../errors.ts';
import { checkHeaders, checkStatus } from '../gateway/checks.ts';
import { isHopByHop } from '../gateway/hop-by-hop.ts';
import { pipeInput } from '../gateway/pipe-input.ts';
import { pairHeaders, sanitizeHeaders, sanitizeReason } from '../gateway/sanitize.ts';
import { reasonOf } from '../gateway/status.ts';
import { LONGEST_DELAY } from '../timer.ts';
import type { ApplicationFunction, Block, Closable, Environ, Header, StartResponse } from '../types.ts';

export interface ForwardOptions {
  /** Milliseconds of silence after which an upstream server counts as down. Default: 60,000. */
  timeout?: number;
}

/**
 * Returns an application that passes each request on to one of `upstreams`, the URLs of equivalent HTTP servers. PATH_INFO is
 * appended to the path of the URL. The first server is chosen at random. If it is down, the next one is tried as long as that
 * does no harm: nothing of the request has been sent, or nothing has come back, the request has no body, and its method is
 * idempotent. Bodies are streamed both ways. If no server answers, or the last one tried gives a response that cannot be passed
 * on, the client gets a 502; if that server was too slow, a 504.
 *
 * The servers learn of the client by X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix. Throws a
 * `TypeError` if `upstreams` is empty, or has an entry that is no http or https URL.
 */
export function forward(upstreams: readonly string[], options: ForwardOptions = {}): ApplicationFunction {
  const { timeout = 60_000 } = options;
  const servers = upstreams.map(parseUpstream);
  if (servers.length === 0) throw new TypeError('forward() needs at least one upstream URL');

  return (environ, startResponse) => new ForwardedResponse(servers, timeout, environ, startResponse);
}

/** A response body whose first block waits for the head from a server. A gateway can close it at any time, if the client leaves. */
class ForwardedResponse implements AsyncIterable<Block>, Closable {
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
    const { status, headers, body } = await this.#request();
    const write = this.#startResponse(status, headers);
    // The beginning of a body that came together with the head has been read by now.
    if (body.readableLength === 0 && !body.complete) await write.flushHeaders?.();
    yield* body;
  }

  close(): void {
    this.#isClosed = true;
    this.#attempt?.end();
  }

  /** Resolves to the response of the first server that gives one. Rejects if none does. */
  async #request(): Promise<UpstreamResponse> {
    const servers = this.#servers;
    const first = Math.floor(Math.random() * servers.length);
    for (let tried = 0; ; tried++) {
      const server = servers[(first + tried) % servers.length] as URL;
      const attempt = new Attempt(openRequest(server, this.#environ, this.#timeout));
      this.#attempt = attempt;
      try {
        return upstreamResponse(await attempt.send(this.#environ));
      } catch (error) {
        attempt.end();
        if (!this.#isClosed && tried + 1 < servers.length && attempt.mayBeRepeated(this.#environ)) continue;
        throw toFailure(server, error);
      }
    }
  }
}

/** The response of a server, without what must not be passed on. */
interface UpstreamResponse {
  status: string;
  headers: Header[];
  body: IncomingMessage;
}

function parseUpstream(upstream: string): URL {
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined;
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new TypeError(`An upstream is a URL like "http://10.0.0.1:8080/base", got ${JSON.stringify(upstream)}`);
}

function openRequest(server: URL, environ: Environ, timeout: number): ClientRequest {
  const options: RequestOptions = {
    method: environ.REQUEST_METHOD,
    path: targetOf(server, environ),
    headers: forwardedHeaders(server, environ).flat(),
    timeout: Math.min(timeout, LONGEST_DELAY),
    agent: false, // a kept connection may close just when a request is sent that cannot be repeated
  };
  const { request } = process.getBuiltinModule(server.protocol === 'https:' ? 'node:https' : 'node:http');
  return request(server, options);
}

function targetOf(server: URL, environ: Environ): string {
  const path = server.pathname.replace(/\/$/, '') + rawPath(environ).pathInfo;
  return (path || '/') + rawQuery(environ);
}

/** Headers that are not passed on as they are: Expect has been answered already, and the others are set anew. */
const NOT_PASSED_ON = /^(?:host|expect|content-(?:type|length)|x-forwarded-(?:for|proto|host|prefix))$/;

function forwardedHeaders(server: URL, environ: Environ): Header[] {
  const connection = namesIn(environ.HTTP_CONNECTION);
  const headers: Header[] = [['Host', server.host]];
  for (const [name, value] of requestHeaders(environ)) {
    if (!isHopByHop(name) && !connection.has(name) && !NOT_PASSED_ON.test(name)) headers.push([name, value]);
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

/** How many interim responses a server may send. */
const MAX_INTERIM = 100;

/** One request to one server. */
class Attempt {
  #request: ClientRequest;
  #isConnected = false;

  constructor(request: ClientRequest) {
    this.#request = request;
  }

  /** Sends the request, and its body as soon as there is a connection. Resolves to the response when its head has come. */
  async send(environ: Environ): Promise<IncomingMessage> {
    const request = this.#request;
    const responding = new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve).on('error', reject);
      request.on('timeout', () => request.destroy(new UpstreamTimeout()));
      let interim = 0;
      request.on('information', () => {
        if (++interim > MAX_INTERIM) request.destroy(new Error(`it sends more than ${MAX_INTERIM} interim responses`));
      });
      // In these two cases Node hands over the connection and has nothing more to do with it.
      request.on('upgrade', (_response, socket) => {
        socket.destroy();
        reject(new Error('it changed the protocol without being asked'));
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
    const bodySent = pipeInput(environ['wsgi.input'], request);
    // A server may answer, and close the connection, before it has read the whole body.
    return Promise.race([responding, bodySent.then(() => responding)]);
  }

  /** Whether the request may be sent to another server, because this one cannot have acted on it. RFC 9110 §9.2.2 */
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

class UpstreamTimeout extends Error {}

/** A server has sent a response that a gateway cannot send. */
class UnusableResponse extends Error {}

function toFailure(server: URL, error: unknown): unknown {
  // The client has failed to send its body, which is not the server's fault.
  if (error instanceof Error && 'statusHint' in error) return error;
  if (error instanceof UpstreamTimeout) return new ApplicationError('upstream-failed', `${server.origin} was silent for too long`, 504);
  const fault = error instanceof UnusableResponse ? 'gave a response that cannot be passed on' : 'gave no response';
  return new ApplicationError('upstream-failed', `${server.origin} ${fault}: ${error instanceof Error ? error.message : error}`, 502);
}

/** Returns `response` without hop-by-hop headers. Throws an `UnusableResponse` for one that no gateway can send. */
function upstreamResponse(response: IncomingMessage): UpstreamResponse {
  const { statusCode = 0, statusMessage = '', rawHeaders } = response;
  const connection = namesIn(response.headers.connection);
  const given = pairHeaders(rawHeaders).filter(([name]) => !connection.has(name.toLowerCase()));
  const status = `${statusCode} ${sanitizeReason(statusMessage, reasonOf(statusCode))}`;
  try {
    checkStatus(status);
    return { status, headers: checkHeaders(sanitizeHeaders(given)), body: response };
  } catch (error) {
    throw error instanceof ApplicationError ? new UnusableResponse(error.message) : error;
  }
}

/** Returns the names in a Connection header: those of headers that must not be passed on. RFC 9110 §7.6.1 */
function namesIn(connection = ''): Set<string> {
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
