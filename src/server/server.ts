// The development server: an application behind node:http. It is for trying things out, not for a public
// network: it has no TLS, no limits on slow clients beyond Node's own, and no way to serve files.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { requestVariables, toEnviron } from '../environ/environ.ts';
import { RequestError } from '../errors.ts';
import { describe } from '../gateway/describe.ts';
import { Exchange } from '../gateway/exchange.ts';
import { FileWrapper } from '../gateway/file-wrapper.ts';
import { Input } from '../gateway/input.ts';
import type { Sink } from '../gateway/sink.ts';
import { Spool } from '../gateway/spool.ts';
import type { Application, ErrorStream } from '../types.ts';
import { variablesOf } from './request.ts';

/**
 * Returns a server that listens on `host` and `port` (0 for a free one) and calls `application` for each
 * request, many at a time. Bodies arrive whole before that: in memory up to 1 MiB, then in a temporary
 * file. Failures and the access log go to standard error. `server.close()` stops it gracefully.
 */
export function makeServer(host: string, port: number, application: Application): Server {
  const errors = standardError();
  const server = createServer((request, response) => {
    response.on('close', () => errors.write(`${accessLine(request, response)}\n`));
    answer(application, request, response, errors).catch((error: unknown) => {
      if (!request.destroyed) errors.write(describe('server', error));
      response.destroy();
    });
  });
  return server.listen(port, host);
}

async function answer(application: Application, request: IncomingMessage, response: ServerResponse, errors: ErrorStream): Promise<void> {
  const body = new Spool();
  try {
    for await (const chunk of request) body.add(chunk);
    const variables = variablesOf(request);
    if (body.length > 0) variables.CONTENT_LENGTH = String(body.length);
    const environ = toEnviron(requestVariables(variables), {
      input: new Input(body, body.length),
      errors,
      fileWrapper: (file, blockSize) => new FileWrapper(file, blockSize),
      multithread: true, // while one request waits, another runs
      multiprocess: false,
      runOnce: false,
    });
    const exchange = new Exchange(application, environ, sinkOver(response), (error) => errors.write(describe('server', error)));
    response.on('close', () => exchange.interrupt(clientGone()));
    await exchange.start();
  } finally {
    body.close();
  }
}

function sinkOver(response: ServerResponse): Sink {
  const write = (block: Uint8Array | string): void | Promise<void> => {
    if (response.destroyed) throw clientGone();
    if (!response.write(block)) return drained(response);
  };
  return {
    start(status, headers, block) {
      if (response.destroyed) throw clientGone();
      response.writeHead(Number(status.slice(0, 3)), status.slice(4), headers.flat());
      return block === undefined ? undefined : write(block);
    },
    write,
    end(complete) {
      // A response that is cut short must not look complete.
      if (complete) response.end();
      else response.destroy();
    },
  };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle);
      if (response.destroyed) reject(clientGone());
      else resolve();
    };
    response.on('drain', settle).on('close', settle);
  });
}

function clientGone(): RequestError {
  return new RequestError('client-gone', 'The client left', 500);
}

function standardError(): ErrorStream {
  return {
    write: (text) => void process.stderr.write(text),
    writelines(lines) {
      for (const line of lines) this.write(line);
    },
    flush() {},
  };
}

/** The common log format, without the fields that are always "-". */
function accessLine(request: IncomingMessage, response: ServerResponse): string {
  const address = request.socket.remoteAddress ?? '-';
  return `${address} [${new Date().toISOString()}] "${request.method} ${request.url}" ${response.headersSent ? response.statusCode : '-'}`;
}
