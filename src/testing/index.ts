// run-with-cgi/testing: one request in, the whole response out, through the gateway's heart and without a server.

import { errorStream } from '../gateway/error-stream.ts';
import { Exchange } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import type { Sink } from '../gateway/sink.ts';
import { Spool } from '../gateway/spool.ts';
import { ResponseHeaders } from '../headers.ts';
import type { Application, Block, Header } from '../types.ts';
import { type RequestHead, requestEnviron } from './request.ts';

export type { RequestHead } from './request.ts';

export interface TestRequest extends RequestHead {
  /** Text is sent as UTF-8. */
  body?: Block;
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
  let log = '';
  const errors = errorStream({
    write(text) {
      log += text;
    },
  });
  const response = new Recording();
  const spool = new Spool();
  if (request.body !== undefined) spool.add(Buffer.from(request.body));
  const body = request.body === undefined ? undefined : { source: spool, length: spool.length };
  const environ = requestEnviron(request, body, errors);
  await new Exchange(application, environ, response, (error) => errors.write(formatFailure('test', error))).start();
  spool.close();
  const bytes = Buffer.concat(response.blocks);
  return {
    status: response.status,
    headers: new ResponseHeaders(response.headers),
    body: bytes,
    text: bytes.toString(),
    blocks: response.blocks,
    complete: response.complete,
    errors: log,
  };
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
