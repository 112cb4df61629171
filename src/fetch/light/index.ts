// Request, Response, Headers and fetch for built scripts: they follow the Fetch standard as Node's own do, and take
// a fiftieth of the time to load. A bundler puts them in the place of the global names.

import { nativeFetch } from './native.ts';
import { Request, toNative } from './request.ts';

export { Headers } from './headers.ts';
export { createRequest, Request } from './request.ts';
export { bodyOf, headerList, Response } from './response.ts';

/** Node's own fetch(), which is given a Request of its own kind. */
export const fetch = async function fetch(input: unknown, init: unknown = undefined): Promise<globalThis.Response> {
  const isLight = typeof input === 'object' && input !== null && Function.prototype[Symbol.hasInstance].call(Request, input);
  return nativeFetch()(isLight ? toNative(input as Request) : (input as string), init as RequestInit | undefined);
};
