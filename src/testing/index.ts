// run-with-cgi/testing: sends one request to an application, without a server, and returns the whole response.

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
  /** The request body; text is sent as UTF-8. Default: none. */
  body?: Block;
}

export interface TestResponse {
  /** Code and reason: "200 OK". */
  status: string;
  headers: ResponseHeaders;
  body: Buffer;
  /** The body as UTF-8. */
  text: string;
  /** The body in the blocks in which the application sent it. */
  blocks: Buffer[];
  /** Whether the response is whole; false when the application failed after the head had been sent. */
  complete: boolean;
  /** All that was written to `wsgi.errors`, by the application, and by the gateway about failures of the application. */
  errors: string;
}

/**
 * Runs `application` for one request, and resolves to its response after the application's `close()`. Never rejects: as in
 * production, a failure is a response with status 500, and `errors` tells about it.
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
