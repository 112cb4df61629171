// Applications for the tests of FastCGI.

import type { ApplicationFunction } from '../../src/types.ts';
import { response } from './client.ts';

export const PLAIN: [string, string][] = [['Content-Type', 'text/plain']];

export const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', PLAIN);
  return 'hello';
};

export const echo: ApplicationFunction = (environ, startResponse) => {
  const body = environ['wsgi.input'].read();
  startResponse('200 OK', PLAIN);
  return body;
};

/** Returns an application that answers with one variable of environ. */
export const variable =
  (name: string): ApplicationFunction =>
  (environ, startResponse) => {
    startResponse('200 OK', PLAIN);
    return String(environ[name]);
  };

/** Returns an application whose requests wait until the test releases them, each by its QUERY_STRING. */
export function waiting() {
  const releases = new Map<string, () => void>();
  const closes: string[] = [];
  const application: ApplicationFunction = async (environ, startResponse) => {
    const name = environ.QUERY_STRING;
    startResponse('200 OK', PLAIN);
    async function* body() {
      try {
        await new Promise<void>((resolve) => releases.set(name, resolve));
        yield `released ${name}`;
      } finally {
        closes.push(name);
      }
    }
    return body();
  };
  const streamed = (body: string) => response('200 OK', ['Content-Type: text/plain'], body);
  return { application, releases, closes, streamed };
}
