// A script for the tests of real servers: PATH_INFO says what it does. It leaves marks in a folder beside the server's root, by
// which a test sees what happens when no client listens any more.

import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApplicationFunction, runWithCgi } from 'run-with-cgi';
import { validator } from 'run-with-cgi/validator';
import { redirecting } from './adapted.ts';

const TEXT: [string, string][] = [['Content-Type', 'text/plain']];
const mark = (name: string) => appendFileSync(join(dirname(process.argv[1] ?? ''), '../../marks', name), '.');
const MEGABYTE = 'x'.repeat(1_000_000);

const paths: Record<string, ApplicationFunction> = {
  '/headers': (_environ, startResponse) => {
    startResponse('207 Multi Status', [...TEXT, ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['X-Name', 'D\xfcrer']]);
    return 'several\n';
  },
  '/location': redirecting,
  '/exit': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return (function* () {
      for (let count = 0; count < 3; count++) yield MEGABYTE;
      process.exit();
    })();
  },
  '/noise': (environ, startResponse) => {
    environ['wsgi.errors'].write(MEGABYTE);
    startResponse('200 OK', TEXT);
    return 'noisy\n';
  },
  '/write-first': (environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return (function* () {
      yield MEGABYTE;
      yield MEGABYTE;
      yield String(environ['wsgi.input'].read().length);
    })();
  },
  '/slow-close': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return {
      // The gateway sends the length of one block, and lighttpd ends a script when that length has come.
      [Symbol.iterator]: () => ['done\n'].values(),
      async close() {
        await sleep(400);
        mark('slow-close');
      },
    };
  },
  '/slow-close-with-length': (_environ, startResponse) => {
    startResponse('200 OK', [...TEXT, ['Content-Length', '5']]);
    return {
      [Symbol.iterator]: () => ['done\n'].values(),
      async close() {
        await sleep(400);
        mark('slow-close-with-length');
      },
    };
  },
  '/endless': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          yield MEGABYTE.slice(0, 10_000);
          await sleep(5);
        }
      },
      close: () => mark('endless'),
    };
  },
  '/upload': (environ, startResponse) => {
    try {
      environ['wsgi.input'].read();
    } catch (error) {
      mark((error as { code: string }).code);
    }
    startResponse('200 OK', TEXT);
    return '';
  },
};

const application: ApplicationFunction = (environ, startResponse) => {
  const answer = paths[environ.PATH_INFO];
  if (answer) return answer(environ, startResponse);
  startResponse('404 Not Found', TEXT);
  return 'no such probe\n';
};

runWithCgi(validator(application), { maxBodySize: 50_000_000 });
