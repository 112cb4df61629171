// The development server: an application behind node:http. It is made for trying things out, and not for a public network: it
// has no TLS, serves no files, and limits slow clients only as Node does.

import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { bodyTooLarge } from '../environ/body-length.ts';
import type { Extras } from '../environ/environ.ts';
import { toFunction } from '../gateway/application.ts';
import { errorStream, type Log } from '../gateway/error-stream.ts';
import { Exchange } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { refusing } from '../gateway/refusing.ts';
import { runExchange } from '../gateway/run-exchange.ts';
import { Spool } from '../gateway/spool.ts';
import type { Application, ErrorStream } from '../types.ts';
import { AccessLog } from './access-log.ts';
import { Connection } from './connection.ts';
import { Output } from './output.ts';
import { announcedLength, environOf } from './request.ts';

export interface ServerOptions {
  /** A request body of more bytes is answered with 413. Default: no limit. */
  maxBodySize?: number;
  /**
   * Milliseconds that an application may wait for things. Afterwards the client gets a 504, or a response that ends short.
   * 0 gives it no time to wait. Default: no limit.
   */
  timeout?: number;
  /** Variables that the deployer adds to environ. They win over the request's. */
  env?: Extras;
  /** The log for `wsgi.errors` and the causes of failures. Default: standard error. */
  errors?: Log;
  /** The log that gets a line for each request, in the common log format; false for none. Default: standard error. */
  accessLog?: Log | false;
}

/**
 * Returns a server that listens on `host` and `port`, 0 for a free one, and calls `application` for each request, many at a
 * time. A request body arrives whole before the call: up to 1 MiB in memory, the rest in a temporary file. `server.close()`
 * stops it gracefully: it answers the requests that run, and closes idle connections.
 *
 * Throws an `ApplicationError` when `application` is none.
 */
export function makeServer(host: string, port: number, application: Application, options: ServerOptions = {}): Server {
  return new ApplicationServer(host, application, options).listen(port, host);
}

/** The server itself, which does not listen yet. */
export class ApplicationServer extends Server {
  #application: Application;
  #host: string;
  #maxBodySize: number;
  #timeout: number;
  #env: Extras;
  #errors: ErrorStream;
  #accessLog: AccessLog | undefined;
  #connections = new Map<Socket, Connection>();
  #isClosing = false;

  constructor(host: string, application: Application, options: ServerOptions) {
    super();
    const { maxBodySize = Infinity, timeout = Infinity, env = {}, errors = process.stderr, accessLog = process.stderr } = options;
    this.#application = toFunction(application);
    this.#host = host;
    this.#maxBodySize = maxBodySize;
    this.#timeout = timeout;
    this.#env = env;
    this.#accessLog = accessLog ? new AccessLog(accessLog) : undefined;
    this.#errors = errorStream({
      write: (text) => {
        // If both logs go to one place, the lines of earlier requests stand before the error.
        this.#accessLog?.flush();
        errors.write(text);
      },
    });
    this.on('close', () => this.#accessLog?.flush());
    this.on('connection', (socket) => this.#connectionOf(socket));
    this.on('request', (request, response) => this.#receive(request, response));
    this.on('checkContinue', (request, response) => this.#receive(request, response, true));
    this.on('checkExpectation', (request, response) => this.#refuseExpectation(request, response));
  }

  override close(callback?: (error?: Error) => void): this {
    this.#isClosing = true;
    super.close(callback);
    // Browsers open connections in advance, and Node does not count one as idle on which no request has come yet.
    for (const socket of this.#connections.keys()) if (socket.bytesRead === 0) socket.destroy();
    return this;
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const connection = new Connection(socket, this.#host);
    this.#connections.set(socket, connection);
    socket.on('close', () => this.#connections.delete(socket));
    return connection;
  }

  /** Keeps the body until it is whole, then calls the application, whose synchronous reads cannot wait for a socket. PEP 3333 #33 */
  #receive(request: IncomingMessage, response: ServerResponse, awaitsContinue = false): void {
    const announced = announcedLength(request);
    if (announced === undefined) {
      this.#run(this.#application, request, response);
      return;
    }
    if (announced > this.#maxBodySize) {
      this.#run(refusing(bodyTooLarge(this.#maxBodySize)), request, response);
      return;
    }
    if (awaitsContinue) response.writeContinue();

    const body = new Spool();
    let called = false;
    const call = (application: Application) => {
      called = true;
      this.#run(application, request, response, body);
    };
    request.on('data', (chunk: Buffer) => {
      if (called) return;
      body.add(chunk);
      if (body.length > this.#maxBodySize) call(refusing(bodyTooLarge(this.#maxBodySize)));
    });
    request.on('end', () => called || call(this.#application));
    request.on('close', () => called || body.close());
  }

  #run(application: Application, request: IncomingMessage, response: ServerResponse, body?: Spool): void {
    const connection = this.#connectionOf(request.socket);
    const environ = environOf(request, connection, body, this.#errors, this.#env);
    const exchange = new Exchange(application, environ, this.#outputTo(response, connection), this.#report);
    const running = runExchange(exchange, body, this.#timeout);
    if (!running) return;
    connection.waiting.add(exchange);
    running.then(() => connection.waiting.delete(exchange));
  }

  #outputTo(response: ServerResponse, connection: Connection): Output {
    // Once the server is closing, a connection ends with its next response.
    if (this.#isClosing) response.setHeader('Connection', 'close');
    return new Output(response, connection, this.#accessLog);
  }

  #report = (error: unknown): void => this.#errors.write(formatFailure('server', error));

  /** Answers an Expect header that is not "100-continue" with 417. RFC 9110 §10.1.1 */
  #refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
    const output = this.#outputTo(response, this.#connectionOf(request.socket));
    output.start('417 Expectation Failed', [['Content-Length', '0']], undefined, true);
    output.end(true);
  }
}
