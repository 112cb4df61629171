// run-with-cgi/testing: one request in, the whole response out, through the gateway's heart and without a server.

import { requestVariables, toEnviron } from './environ/environ.ts';
import { headerVariables, targetVariables } from './environ/http.ts';
import { describe } from './gateway/describe.ts';
import { Exchange } from './gateway/exchange.ts';
import { FileWrapper } from './gateway/file-wrapper.ts';
import { Input } from './gateway/input.ts';
import type { Sink } from './gateway/sink.ts';
import { Spool } from './gateway/spool.ts';
import { ResponseHeaders } from './headers.ts';
import type { Application, Block, Environ, ErrorStream, Header } from './types.ts';

export interface TestRequest {
  /** Default: "GET", or "POST" when there is a body. */
  method?: string;
  /** The URL's path as a client sends it, "/a%20b?c=d"; or a whole URL. Default: "/". */
  path?: string;
  /** Values are byte strings. */
  headers?: Readonly<Record<string, string>> | Iterable<Header>;
  /** Text is sent as UTF-8. */
  body?: Block;
  /** Added to environ, where it wins: `{ SCRIPT_NAME: '/app', REMOTE_USER: 'alice' }`. */
  environ?: Readonly<Record<string, unknown>>;
}

export interface TestResponse {
  /** "200 OK" */
  status: string;
  headers: ResponseHeaders;
  body: Buffer;
  /** The body as UTF-8. */
  text: string;
  /** The body as it was sent, block by block. */
  blocks: Buffer[];
  /** Whether nothing is missing: false when the application failed after the head had left. */
  complete: boolean;
  /** What was written to `wsgi.errors`, by the application or, about its failures, by the gateway. */
  errors: string;
}

/**
 * Runs `application` once, for `request`, and resolves to its response when the application's `close()`
 * is done. Never rejects: a failure is a response with status 500 and a text in `errors`, as in production.
 */
export async function call(application: Application, request: TestRequest = {}): Promise<TestResponse> {
  const errors = new Log();
  const response = new Recording();
  const exchange = new Exchange(application, environOf(request, errors), response, (error) => errors.write(describe('test', error)));
  await exchange.start();
  const body = Buffer.concat(response.blocks);
  return {
    status: response.status,
    headers: new ResponseHeaders(response.headers),
    body,
    text: body.toString(),
    blocks: response.blocks,
    complete: response.complete,
    errors: errors.text,
  };
}

function environOf({ method, path = '/', headers = [], body, environ }: TestRequest, errors: ErrorStream): Environ {
  const spool = new Spool();
  if (body !== undefined) spool.add(Buffer.from(body));
  const pairs = Symbol.iterator in headers ? headers : Object.entries(headers);
  const variables = {
    REQUEST_METHOD: method ?? (body === undefined ? 'GET' : 'POST'),
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '127.0.0.1',
    HTTP_HOST: 'localhost',
    ...targetVariables(path),
    ...headerVariables(pairs),
    ...(body !== undefined && { CONTENT_LENGTH: String(spool.length) }),
    ...(/^https:/i.test(path) && { HTTPS: 'on', SERVER_PORT: '443' }),
  };
  return toEnviron(requestVariables(variables, environ), {
    input: new Input(spool, spool.length),
    errors,
    fileWrapper: (file, blockSize) => new FileWrapper(file, blockSize),
    multithread: false,
    multiprocess: false,
    runOnce: false,
  });
}

class Recording implements Sink {
  status = '';
  headers: Header[] = [];
  blocks: Buffer[] = [];
  complete = false;

  start(status: string, headers: readonly Header[], block?: Block): void {
    this.status = status;
    this.headers = [...headers];
    if (block !== undefined) this.write(block);
  }

  write(block: Block): void {
    this.blocks.push(Buffer.from(block));
  }

  end(complete: boolean): void {
    this.complete = complete;
  }
}

class Log implements ErrorStream {
  text = '';

  write(text: string): void {
    this.text += text;
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {}
}
