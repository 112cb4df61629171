// An application for the tests of resident gateways behind real servers: PATH_INFO says what it does. QUERY_STRING gives it a
// status, a URL, or a file by which it and the test tell each other how far they are.

import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApplicationFunction } from 'run-with-cgi';
import { urlMap } from 'run-with-cgi/middleware';
import { validator } from 'run-with-cgi/validator';
import { adapted, redirecting } from './adapted.ts';

const TEXT: [string, string][] = [['Content-Type', 'text/plain']];

const exists = async (path: string) => {
  while (!existsSync(path)) await sleep(10);
};

const paths: Record<string, ApplicationFunction> = {
  '/hello': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return 'Hello, world!\n';
  },
  '/echo': (environ, startResponse) => {
    const body = environ['wsgi.input'].read();
    startResponse('200 OK', [...TEXT, ['Content-Length', String(body.length)]]);
    return body;
  },
  '/large': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return Buffer.alloc(20_000_000, 'abcdefghijk');
  },
  '/status': (environ, startResponse) => {
    const hasBody = !/^[23]04/.test(environ.QUERY_STRING);
    startResponse(decodeURIComponent(environ.QUERY_STRING), hasBody ? TEXT : []);
    return hasBody ? 'the body\n' : '';
  },
  '/cookies': (_environ, startResponse) => {
    startResponse('200 OK', [...TEXT, ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['X-Name', 'D\xfcrer']]);
    return 'two cookies\n';
  },
  '/location': redirecting,
  '/say': (environ, startResponse) => {
    environ['wsgi.errors'].write(`${decodeURIComponent(environ.QUERY_STRING)}\n`);
    startResponse('200 OK', TEXT);
    return 'said\n';
  },
  '/noise': (environ, startResponse) => {
    environ['wsgi.errors'].write(`${'x'.repeat(1_000_000)}\n`);
    startResponse('200 OK', TEXT);
    return 'noisy\n';
  },
  '/throw': () => {
    throw new Error('thrown before the head');
  },
  '/throw-late': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return (async function* () {
      yield 'the beginning\n';
      throw new Error('thrown behind the head');
    })();
  },
  '/throw-within-length': (_environ, startResponse) => {
    startResponse('200 OK', [...TEXT, ['Content-Length', '100']]);
    return (async function* () {
      yield 'the beginning\n';
      throw new Error('thrown within the length');
    })();
  },
  /** Makes the second block when the test has seen the first, and has written the file. */
  '/blocks': (environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return (async function* () {
      yield 'first\n';
      await exists(environ.QUERY_STRING);
      yield 'second\n';
    })();
  },
  '/endless': (environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          yield 'x'.repeat(10_000);
          await sleep(5);
        }
      },
      close: () => appendFileSync(environ.QUERY_STRING, 'closed'),
    };
  },
  /** Writes down which process has the request, and waits until the test writes a file. */
  '/held': async (environ, startResponse) => {
    appendFileSync(environ.QUERY_STRING, `${process.pid} `);
    await exists(`${environ.QUERY_STRING}.go`);
    startResponse('200 OK', TEXT);
    return `held by ${process.pid}\n`;
  },
};

/** Answers with the texts and flags of environ as JSON, in which byte strings are UTF-8. */
const showEnviron: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return JSON.stringify({ ...environ, pid: String(process.pid) });
};

const own: ApplicationFunction = (environ, startResponse) => (paths[environ.PATH_INFO] ?? showEnviron)(environ, startResponse);

export const application = validator(urlMap({ '/': own, '/adapters': adapted }));
