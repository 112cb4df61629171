// run-with-cgi/fetch as a built script has it: with the light classes of fetch/light in place of Node's.

import type { Application, ApplicationFunction } from '../types.ts';
import { type FetchHandler, type FromFetchOptions, fromFetchOn } from './from-fetch.ts';
import { bodyOf, createRequest, headerList, Response as LightResponse } from './light/index.ts';
import type { Platform } from './platform.ts';
import { type ToFetchOptions, toFetchOn } from './to-fetch.ts';

/** An application takes the light classes for the real ones. TypeScript sees that they are others. */
const light = {
  request: createRequest,
  body: bodyOf,
  headers: (response: Response) => headerList(response.headers),
  response: (body: unknown, init: ResponseInit) => new LightResponse(body, init),
} as unknown as Platform;

/** See `fromFetch` of fetch/index.ts. */
export function fromFetch(handler: FetchHandler, options: FromFetchOptions = {}): ApplicationFunction {
  return fromFetchOn(light, handler, options);
}

/** See `toFetch` of fetch/index.ts. */
export function toFetch(application: Application, options: ToFetchOptions = {}): (request: Request) => Promise<Response> {
  return toFetchOn(light, application, options);
}
