// run-with-cgi/fetch in a built script: the same, with the light classes that take the place of Node's there.

import type { Application, ApplicationFunction } from '../types.ts';
import { type FetchHandler, type FromFetchOptions, fromFetchOn } from './from-fetch.ts';
import { bodyOf, createRequest, headerList, Response as LightResponse } from './light/index.ts';
import type { Platform } from './platform.ts';
import { type ToFetchOptions, toFetchOn } from './to-fetch.ts';

/** To an application they are what it knows by these names; to TypeScript they are others. */
const light = {
  request: createRequest,
  body: bodyOf,
  headers: (response: Response) => headerList(response.headers),
  response: (body: unknown, init: ResponseInit) => new LightResponse(body, init),
} as unknown as Platform;

export function fromFetch(handler: FetchHandler, options: FromFetchOptions = {}): ApplicationFunction {
  return fromFetchOn(light, handler, options);
}

export function toFetch(application: Application, options: ToFetchOptions = {}): (request: Request) => Promise<Response> {
  return toFetchOn(light, application, options);
}
