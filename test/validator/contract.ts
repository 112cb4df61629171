// A server and applications that keep the contract. Tests change one thing of them at a time.

import type { ApplicationFunction, Environ, Header, StartResponse } from '../../src/types.ts';
import { setupTestingDefaults } from '../../src/util.ts';

export const TEXT: Header[] = [['Content-Type', 'text/plain']];

/** An application that keeps the rules, with a body of two blocks. */
export const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', [...TEXT]);
  return (function* () {
    yield 'Hello, ';
    yield 'world!';
  })();
};

/** As a value of `environ`: the variable is not there. */
export const GONE = Symbol('not there');

/** Returns the environ of a server that keeps the rules, with `changes`. */
export function environ(changes: Record<string, unknown> = {}): Environ {
  const environ: Record<string, unknown> = { ...changes };
  setupTestingDefaults(environ);
  for (const [name, value] of Object.entries(changes)) if (value === GONE) delete environ[name];
  return environ;
}

/** The startResponse() of a server that keeps the rules. */
export const startResponse: StartResponse = () => Object.assign(() => {}, { flushHeaders() {} });

/** Returns an application with this response, which need not keep the rules. */
export const answer =
  (status: unknown, headers: unknown, body: unknown = 'x') =>
  (_environ: Environ, start: StartResponse) => {
    start(status as string, headers as Header[]);
    return body;
  };
