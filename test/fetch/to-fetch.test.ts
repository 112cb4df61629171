// PEP 3333 applications as functions of the Fetch kind.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { toFetch } from '../../src/fetch/index.ts';
import type { Application, Environ } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';

const silent = { errors: { write() {} } };

test('request and response are passed on', async () => {
  let environ: Environ | undefined;
  const application: Application = validator((given, startResponse) => {
    environ = given;
    startResponse('207 Multi-Status', [
      ['Content-Type', 'text/plain'],
      ['Set-Cookie', 'a'],
      ['Set-Cookie', 'b'],
    ]);
    return [given['wsgi.input'].read()];
  });
  const response = await toFetch(application, { env: { SCRIPT_NAME: '/app', PATH_INFO: '/x y' } })(
    new Request('https://a.example/app/x%20y?z=1', { method: 'POST', body: 'hellö', headers: { 'X-A': '1' } }),
  );
  expect([response.status, response.statusText, [...response.headers], await response.text()]).toEqual([
    207,
    'Multi-Status',
    [
      ['content-length', '6'],
      ['content-type', 'text/plain'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ],
    'hellö',
  ]);
  expect(environ).toMatchObject({
    REQUEST_METHOD: 'POST',
    SCRIPT_NAME: '/app',
    PATH_INFO: '/x y',
    REQUEST_URI: '/app/x%20y?z=1',
    QUERY_STRING: 'z=1',
    HTTP_HOST: 'a.example',
    SERVER_PORT: '443',
    HTTP_X_A: '1',
    CONTENT_LENGTH: '6',
    CONTENT_TYPE: 'text/plain;charset=UTF-8',
    'wsgi.url_scheme': 'https',
  });
});

test.each([
  ['http://p/x?y', '/x', 'y', '/x?y'],
  ['https://s/', '/', '', '/'],
  ['http://t', '/', '', '/'],
  ['http://user@h/h/#h', '/h/', '', '/h/'],
])('%s: the path is what follows the host, though the host is in what comes before it', async (url, path, query, target) => {
  let seen: unknown[] = [];
  const response = await toFetch(({ PATH_INFO, QUERY_STRING, REQUEST_URI }, startResponse) => {
    seen = [PATH_INFO, QUERY_STRING, REQUEST_URI];
    startResponse('204 No Content', []);
    return null;
  })({ url, method: 'GET', headers: new Headers(), body: null, signal: new AbortController().signal } as Request);
  expect([response.status, seen]).toEqual([204, [path, query, target]]);
});

test('blocks are made when they are read, and cancelling closes the body', async () => {
  let made = 0;
  let closed = false;
  const application: Application = validator((_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return {
      *[Symbol.iterator]() {
        for (;;) yield `${made++}`;
      },
      close() {
        closed = true;
      },
    };
  });
  const response = await toFetch(application)(new Request('http://a/'));
  const reader = response.body?.getReader();
  expect(String(Buffer.from((await reader?.read())?.value ?? []))).toBe('0');
  expect(String(Buffer.from((await reader?.read())?.value ?? []))).toBe('1');
  await sleep(20);
  expect(made).toBeLessThan(5);
  await reader?.cancel();
  await sleep(20);
  expect(closed).toBe(true);
});

test('a client that left before the call interrupts the application', async () => {
  const controller = new AbortController();
  controller.abort();
  let closed = false;
  const application: Application = (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return {
      async *[Symbol.asyncIterator]() {
        yield 'begun';
        await new Promise(() => {});
      },
      close() {
        closed = true;
      },
    };
  };
  toFetch(application, silent)(new Request('http://a/', { signal: controller.signal })).catch(() => {});
  await sleep(20);
  expect(closed).toBe(true);
});

test.each([
  ['synchronous', false],
  ['asynchronous', true],
])('an application that aborts its own request gets its body closed, once, and nothing of it is asked for: %s', async (_kind, isAsync) => {
  for (const startsFirst of [false, true]) {
    const controller = new AbortController();
    const calls: string[] = [];
    const body = {
      *[Symbol.iterator]() {
        calls.push('asked');
        yield 'block';
      },
      close: () => calls.push('closed'),
    };
    const application: Application = (_environ, startResponse) => {
      if (startsFirst) startResponse('200 OK', [['Content-Type', 'text/plain']]);
      controller.abort();
      return isAsync ? sleep(1).then(() => body) : body;
    };
    const errors: string[] = [];
    const response = toFetch(application, { errors: { write: (text) => errors.push(text) } });
    expect((await response(new Request('http://a/', { signal: controller.signal }))).status).toBe(500);
    await sleep(20);
    expect([calls, errors]).toEqual([['closed'], []]);
  }
});

test('an application that aborts its own request and then throws has its error in the log', async () => {
  const controller = new AbortController();
  const errors: string[] = [];
  const application: Application = () => {
    controller.abort();
    throw new Error('after all');
  };
  const handler = toFetch(application, { errors: { write: (text) => errors.push(text) } });
  expect((await handler(new Request('http://a/', { signal: controller.signal }))).status).toBe(500);
  expect(errors.join('')).toMatch(/^fetch: Error: after all\n/);
});

test('a failure is a bare 500; after the head, a body that breaks off', async () => {
  const failing: Application = () => {
    throw new Error('oh');
  };
  const response = await toFetch(failing, silent)(new Request('http://a/'));
  expect([response.status, await response.text()]).toEqual([500, '500 Internal Server Error\n']);
  const late: Application = (_environ, startResponse) => {
    startResponse('200 OK', []);
    return (function* () {
      yield 'half';
      throw new Error('oh');
    })();
  };
  await expect((await toFetch(late, silent)(new Request('http://a/'))).text()).rejects.toThrow('The response ended before it was complete');
});

test.each([600, 999])('a status of %d, which no Response can have, is a bare 500', async (status) => {
  const errors: string[] = [];
  const application: Application = validator((_environ, startResponse) => {
    startResponse(`${status} Odd`, [['Content-Type', 'text/plain']]);
    return 'odd';
  });
  const log = { write: (text: string) => errors.push(text) };
  const response = await toFetch(application, { errors: log })(new Request('http://a/'));
  expect([response.status, response.statusText, await response.text()]).toEqual([
    500,
    'Internal Server Error',
    '500 Internal Server Error\n',
  ]);
  expect(errors).toEqual([
    expect.stringContaining(
      `fetch: [status-malformed] ApplicationError: The status of a Fetch Response must be from 200 to 599, got "${status} Odd"`,
    ),
  ]);
});

test('204 and HEAD have no body', async () => {
  const empty: Application = validator((_environ, startResponse) => {
    startResponse('204 No Content', []);
    return null;
  });
  expect((await toFetch(empty)(new Request('http://a/'))).body).toBeNull();
  const hello: Application = validator((_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return 'hello';
  });
  const head = await toFetch(hello)(new Request('http://a/', { method: 'HEAD' }));
  expect([head.headers.get('content-length'), await head.text()]).toEqual(['5', '']);
});
