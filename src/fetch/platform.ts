// The Request and Response classes that a Fetch handler sees: those of Node, or the light ones of a built script. Both follow the
// Fetch standard. A platform does for its classes what the standard does not provide.

import type { Header } from '../types.ts';

/** What a request is made of. */
export interface RequestInitial {
  /** The URL, serialized as by `new URL(…).href`. */
  url: string;
  method: string;
  headers: Header[];
  /** Returns the request body; undefined if there is none. */
  body(): AsyncIterable<Uint8Array> | undefined;
  /** Returns the signal that is aborted when the client leaves. */
  signal(): AbortSignal;
}

/** The forms in which a platform gives away a response body. */
export type ResponseBody = string | Uint8Array | Blob | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null;

export interface Platform {
  /** Makes a request. */
  request(initial: RequestInitial): Request;
  /** Takes the body out of `response`, which counts as used then. Throws a `TypeError` if it has been used before. */
  body(response: Response): ResponseBody;
  /** Returns the headers in the order of the standard. Each Set-Cookie is one header. */
  headers(response: Response): Header[];
  /** Makes a response. */
  response(body: ReadableStream<Uint8Array> | Uint8Array | null, init: ResponseInit): Response;
}

/** Methods that `new Request()` refuses, for the sake of browsers. A server gets them. https://fetch.spec.whatwg.org/#forbidden-method */
const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** The platform with Node's own classes. */
export const native: Platform = {
  request({ url, method, headers, body, signal }) {
    const blocks = method === 'GET' || method === 'HEAD' ? undefined : body();
    const isForbidden = FORBIDDEN_METHODS.has(method.toUpperCase());
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

/** Returns a stream of `blocks` that asks for a block only when one is read. */
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
