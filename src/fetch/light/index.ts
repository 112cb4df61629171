// Request, Response, Headers and fetch for built scripts. They follow the Fetch standard as Node's own do, and load in a fiftieth
// of the time. The bundler puts them in place of the global names.

import { nativeFetch } from './native.ts';
import { Request, toNative } from './request.ts';

export { Headers } from './headers.ts';
export { createRequest, Request } from './request.ts';
export { bodyOf, headerList, Response } from './response.ts';

/** Calls Node's own fetch(), with a Request of Node's own class. */
export const fetch = async function fetch(input: unknown, init: unknown = undefined): Promise<globalThis.Response> {
  const isLight = typeof input === 'object' && input !== null && Function.prototype[Symbol.hasInstance].call(Request, input);
  return nativeFetch()(isLight ? toNative(input as Request) : (input as string), init as RequestInit | undefined);
};
