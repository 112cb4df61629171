// PEP 3333 #90, for every middleware: what it does to an application that it need not touch is nothing, and
// blocks, close(), write(), excInfo and errors pass in their order.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { allow, catchExceptions, compress, limitRate, urlMap } from '../../src/middleware/index.ts';
import { call } from '../../src/testing/index.ts';
import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { setupTestingDefaults } from '../../src/util.ts';
import { validator } from '../../src/validator/index.ts';
import { answering, checked, watched } from './applications.ts';

const directory = mkdtempSync(join(tmpdir(), 'run-with-cgi-middleware-'));
afterAll(() => rmSync(directory, { recursive: true }));

const middlewares: [name: string, wrap: (inner: Application) => Application, headers?: Record<string, string>][] = [
  ['allow', (inner) => allow(inner, ['127.0.0.1'])],
  ['catchExceptions', (inner) => catchExceptions(inner)],
  ['compress, for a client that accepts nothing', (inner) => compress(inner)],
  ['compress, for a client that accepts gzip', (inner) => compress(inner), { 'Accept-Encoding': 'gzip' }],
  ['limitRate', (inner) => limitRate(inner, { limit: 1_000_000, window: 3600, directory })],
  ['urlMap', (inner) => urlMap({ '/': inner })],
];

class Page {
  constructor(_environ: Environ, startResponse: StartResponse) {
    startResponse('200 OK', [['Content-Type', 'image/png']]);
  }
  *[Symbol.iterator]() {
    yield 'a class';
  }
}

const PNG: [string, string][] = [['Content-Type', 'image/png']];
const applications: [name: string, application: Application][] = [
  ['text', answering('x', PNG)],
  ['bytes', answering(Buffer.from('x'), PNG)],
  ['an array of one', answering(['x'], PNG)],
  ['an array of two', answering(['x', 'y'], PNG)],
  ['nothing', answering(null, [], '204 No Content')],
  ['a promise', async (environ: Environ, startResponse: StartResponse) => answering('x', PNG)(environ, startResponse)],
  ['a class', Page],
  ['an object', { call: answering('x', PNG) }],
  ['write()', (_environ: Environ, startResponse: StartResponse) => void startResponse('200 OK', PNG)('written')],
  [
    'a body after write()',
    (_environ: Environ, startResponse: StartResponse) => {
      void startResponse('200 OK', PNG)('written, ');
      return new Set(['then', ' iterated']);
    },
  ],
  [
    'a second thought',
    (_environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', PNG);
      startResponse('404 Not Found', PNG, new Error('none'));
      return 'no';
    },
  ],
  [
    'an answer that begins late',
    async function* (_environ: Environ, startResponse: StartResponse) {
      startResponse('200 OK', PNG);
      yield '';
      yield 'late';
    },
  ],
  [
    'a file',
    (environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', PNG);
      const blocks = ['file ', 'of two', ''];
      return environ['wsgi.file_wrapper']({ read: () => blocks.shift() });
    },
  ],
];

describe.each(middlewares)('%s', (_name, wrap, headers = {}) => {
  const through = (application: Application, method = 'GET') => call(checked(wrap)(application), { headers, method });

  test.each(applications)('passes %s on unchanged', async (_what, application) => {
    const plain = await call(application);
    const wrapped = await through(application);
    expect({ ...wrapped, headers: [...wrapped.headers] }).toEqual({ ...plain, headers: [...plain.headers] });
  });

  test.each([false, true])('asks for a block when the one before has been sent, and closes once (asynchronous: %s)', async (isAsync) => {
    const { body, seen } = watched(['a', '', 'b'], isAsync);
    const response = await through(answering(body, PNG));
    expect(response.blocks.map(String)).toEqual(['a', 'b']);
    expect(seen).toEqual(['a', '', 'b', 'left', 'closed']);
  });

  test.each([false, true])('a failing body is closed, and the error reaches the log once (asynchronous: %s)', async (isAsync) => {
    const { body, seen } = watched(['a', new Error('in the middle')], isAsync);
    const response = await through(answering(body, PNG));
    expect(response).toMatchObject({ text: 'a', complete: false });
    expect(response.errors.match(/Error: in the middle/g)).toHaveLength(1);
    expect(seen).toEqual(['a', 'left', 'closed']);
  });

  test.each([false, true])('return() and close() of a body that is left early are called (asynchronous: %s)', async (isAsync) => {
    const { body, seen } = watched(['a', 'b'], isAsync);
    await through(answering(body, [...PNG, ['Content-Length', '1']]));
    // Leaving an asynchronous generator takes a moment, for which close() does not wait.
    expect(seen.toSorted()).toEqual(['a', 'closed', 'left']);
  });

  test('startResponse() throws excInfo when the head has left', async () => {
    let thrown: unknown;
    const response = await through(async function* (_environ: Environ, startResponse: StartResponse) {
      startResponse('200 OK', PNG);
      yield 'a';
      try {
        startResponse('500 Oh', PNG, new Error('too late'));
      } catch (error) {
        thrown = error;
      }
    });
    expect(response.text).toBe('a');
    expect(thrown).toEqual(new Error('too late'));
  });

  test('an error of the application gives 500, a RequestError its own status', async () => {
    const failing = await through(() => {
      throw new Error('its own');
    });
    expect(failing.status).toBe('500 Internal Server Error');
    expect(failing.errors).toContain('Error: its own');
    const rejecting = await through(async () => {
      throw new Error('its own');
    });
    expect(rejecting.status).toBe('500 Internal Server Error');
  });

  test('the validator finds a broken rule through it', async () => {
    const { errors } = await through((_environ, startResponse) => {
      startResponse('200 OK', []);
      return 'no type';
    });
    expect(errors).toContain("code: 'content-type-missing'");
  });

  test("a HEAD keeps the application's head", async () => {
    const response = await through(answering(null, [...PNG, ['Content-Length', '5']]), 'HEAD');
    expect([...response.headers]).toEqual([...PNG, ['Content-Length', '5']]);
  });

  test('a synchronous application stays synchronous, unless it is compressed', async () => {
    const environ = { ...setUp(), HTTP_ACCEPT_ENCODING: headers['Accept-Encoding'] ?? '' };
    const result = validator(wrap(answering(new Set(['a', 'b']), PNG)))(environ, () => () => {});
    if (headers['Accept-Encoding']) return expect(await result).toHaveProperty('close');
    expect([...(result as Iterable<unknown>)]).toEqual(['a', 'b']);
  });
});

function setUp(): Environ {
  const environ = { REMOTE_ADDR: '127.0.0.1' };
  setupTestingDefaults(environ);
  return environ;
}
