// The demo application: a greeting, and everything that an application gets in environ.

import { inspect } from 'node:util';
import type { ApplicationFunction } from '../types.ts';

/** Answers every request with "Hello world!" and its environ, sorted by name, as text in UTF-8. */
export const demoApp: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  const lines = Object.keys(environ)
    .sort()
    .map((name) => `${name} = ${inspect(environ[name], { depth: 0, breakLength: Infinity })}\n`);
  return ['Hello world!\n\n', ...lines];
};
