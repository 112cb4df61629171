// Whose Request and Response an application of the Fetch kind sees: those of Node, or the light ones that a
// built script has in their place. What follows the standard is alike; this is where they differ.

import type { Header } from '../types.ts';

export interface RequestInitial {
  /** Serialized. */
  url: string;
  method: string;
  headers: Header[];
  /** The request body from its beginning; undefined when there is none. */
  body(): AsyncIterable<Uint8Array> | undefined;
  signal(): AbortSignal;
}

/** What a response body is made of. */
export type ResponseBody = string | Uint8Array | Blob | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null;

export interface Platform {
  request(initial: RequestInitial): Request;
  /** Takes the body of `response`, which counts as used from then on. Throws a `TypeError` when it has been used. */
  body(response: Response): ResponseBody;
  /** In the order of the standard, Set-Cookie repeated. */
  headers(response: Response): Header[];
  response(body: ReadableStream<Uint8Array> | Uint8Array | null, init: ResponseInit): Response;
}

/** The standard forbids them to scripts of a page; a server may be asked by them. https://fetch.spec.whatwg.org/#forbidden-method */
const FORBIDDEN = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Node's own classes. */
export const native: Platform = {
  request({ url, method, headers, body, signal }) {
    const blocks = method === 'GET' || method === 'HEAD' ? undefined : body();
    const isForbidden = FORBIDDEN.has(method.toUpperCase());
    const request = new Request(url, {
      method: isForbidden ? 'POST' : method,
      headers,
      signal: signal(),
      ...(blocks && { body: streamOf(blocks), duplex: 'half' }),
    });
    if (isForbidden) Object.defineProperty(request, 'method', { value: method, configurable: true, enumerable: true });
    return request;
  },
  body(response) {
    if (response.bodyUsed || response.body?.locked) throw new TypeError('The body of the Response has been used already');
    return response.body;
  },
  headers: (response) => [...response.headers],
  response: (body, init) => new Response(body, init),
};

/** A stream that asks `blocks` for one only when it is asked itself. */
export function streamOf(blocks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = blocks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await iterator.next();
        if (step.done) controller.close();
        else controller.enqueue(step.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
