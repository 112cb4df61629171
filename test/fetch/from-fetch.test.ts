// Applications of the Fetch kind behind the gateway: what they are given, and what becomes of what they return.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FetchContext, type FetchFunction, fromFetch } from '../../src/fetch/index.ts';
import { call as callApplication, type TestRequest, type TestResponse } from '../../src/testing/index.ts';
import { type ContractError, validator } from '../../src/validator/index.ts';
import { until } from '../host/processes.ts';
import { serve } from '../server/raw.ts';
import { ask, open } from '../servers/client.ts';

/** One request to `handler`, by the contract. */
async function call(handler: FetchFunction, request: TestRequest = {}): Promise<TestResponse> {
  const violations: ContractError[] = [];
  // A Response need not have a Content-Type.
  const report = (violation: ContractError) => violation.code !== 'content-type-missing' && violations.push(violation);
  const response = await callApplication(validator(fromFetch(handler), { report }), request);
  expect(violations).toEqual([]);
  return response;
}

const headersOf = (response: TestResponse) => [...response.headers];

describe('the request', () => {
  test.each([
    ['/a%20b/%2F%E9?c=%20d&e=%', {}, 'http://localhost/a%20b/%2F%E9?c=%20d&e=%'],
    ['/', { SCRIPT_NAME: '/app', PATH_INFO: '' }, 'http://localhost/'],
    ['/', { SCRIPT_NAME: '/app', PATH_INFO: '/\xff b' }, 'http://localhost/%FF%20b'],
    ['/app/a%2Fb?c', { SCRIPT_NAME: '/app', PATH_INFO: '/a/b' }, 'http://localhost/a%2Fb?c'],
    ['/', { HTTP_HOST: 'a.example:8080', HTTPS: 'on' }, 'https://a.example:8080/'],
    ['/', { HTTP_HOST: '', SERVER_NAME: 'b.example', SERVER_PORT: '81' }, 'http://b.example:81/'],
    ['/x?a=\xe9#b', {}, 'http://localhost/x?a=%E9%23b'],
    ['/?', {}, 'http://localhost/'],
    ['//double//slashes', {}, 'http://localhost//double//slashes'],
  ])('%s with %j has the URL %s', async (path, environ, url) => {
    expect((await call((request) => new Response(request.url), { path, environ })).text).toBe(url);
  });

  test.each([
    ['/app', { SCRIPT_NAME: '/app', PATH_INFO: '' }, 'http://localhost/app'],
    ['/', { SCRIPT_NAME: '/app', PATH_INFO: '/\xff b' }, 'http://localhost/app/%FF%20b'],
    ['/app/a%2Fb?c', { SCRIPT_NAME: '/app', PATH_INFO: '/a/b' }, 'http://localhost/app/a%2Fb?c'],
    ['/', {}, 'http://localhost/'],
  ])('wholePath: %s with %j has the URL %s', async (path, environ, url) => {
    const application = fromFetch((request) => new Response(request.url), { wholePath: true });
    expect((await callApplication(application, { path, environ })).text).toBe(url);
  });

  test.each(['a/b', 'user@evil', 'a b', 'a?b', '[', 'a#b', 'a\\b'])('a Host of %j is answered with 400', async (host) => {
    const response = await call(() => new Response('x'), { environ: { HTTP_HOST: host } });
    expect(response.status).toBe('400 Bad Request');
    expect(response.errors).toContain(`[host-malformed]: The Host header must be a name or an address, got ${JSON.stringify(host)}`);
  });

  test('method, headers, environ, address', async () => {
    const { text } = await call(
      (request, environ) => Response.json([request.method, [...request.headers], environ.REMOTE_USER, Reflect.get(request, 'ip')]),
      { method: 'DELETE', headers: { 'X-One': '1', Cookie: 'a=b; c=d', 'X-Latin': 'D\xfcrer' }, environ: { REMOTE_USER: 'ada' } },
    );
    expect(JSON.parse(text)).toEqual([
      'DELETE',
      [
        ['cookie', 'a=b; c=d'],
        ['host', 'localhost'],
        ['x-latin', 'D\xfcrer'],
        ['x-one', '1'],
      ],
      'ada',
      '127.0.0.1',
    ]);
  });

  test('the body in every form', async () => {
    const body = 'a=1&b=ü';
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const seen = async (read: (request: Request) => unknown) => {
      const { text } = await call(async (request) => new Response(JSON.stringify(await read(request))), { body, headers });
      return JSON.parse(text);
    };
    expect(await seen((request) => request.text())).toBe(body);
    expect(await seen(async (request) => (await request.arrayBuffer()).byteLength)).toBe(8);
    expect(await seen(async (request) => [...(await request.formData())])).toEqual([
      ['a', '1'],
      ['b', 'ü'],
    ]);
    expect(await seen((request) => request.clone().text())).toBe(body);
    expect(await seen((request) => request.body === null)).toBe(false);
    expect((await call((request) => new Response(String(request.body === null)), { body: '' })).text).toBe('true');
    expect((await call((request) => new Response(String(request.body === null)))).text).toBe('true');
  });

  test('20 MB come in, and go out, no faster than they are read', async () => {
    const { port } = await serve(fromFetch((request) => new Response(request.body)));
    const big = Buffer.alloc(20_000_000, 'abcdefg');
    expect((await ask(port, { method: 'POST', body: big })).body === big.toString('latin1')).toBe(true);
  });
});

describe('the response', () => {
  test('status, reason, headers, Set-Cookie repeated', async () => {
    const response = await call(() => {
      const headers = new Headers({ 'X-B': '2', 'x-a': '1', 'Content-Type': 'text/plain' });
      headers.append('Set-Cookie', 'a=1');
      headers.append('Set-Cookie', 'b=2');
      return new Response('hello', { status: 404, headers });
    });
    expect(response.status).toBe('404 Not Found');
    expect(headersOf(response)).toEqual([
      ['content-type', 'text/plain'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-a', '1'],
      ['x-b', '2'],
      ['content-length', '5'],
    ]);
    expect((await call(() => new Response(null, { status: 299, statusText: 'Odd' }))).status).toBe('299 Odd');
    expect((await call(() => new Response(null, { status: 299 }))).status).toBe('299 Unknown');
  });

  test('what is the web server’s is dropped, and a Location is as the handler set it', async () => {
    const response = await call(
      () =>
        new Response('x', {
          status: 302,
          headers: { 'Transfer-Encoding': 'chunked', Connection: 'close', 'Keep-Alive': '5', Location: '../c%2Fd?e#f' },
        }),
      { path: '/a/b/' },
    );
    expect(headersOf(response)).toEqual([
      ['content-type', 'text/plain;charset=UTF-8'],
      ['location', '../c%2Fd?e#f'],
      ['content-length', '1'],
    ]);
  });

  test.each([204, 205, 304])('%d has no body and no length', async (status) => {
    const response = await call(() => new Response(null, { status }));
    expect([response.text, response.headers.get('content-length')]).toEqual(['', status === 205 ? '0' : undefined]);
  });

  test('a HEAD has the length of a GET, and no body', async () => {
    const response = await call(() => new Response('hello'), { method: 'HEAD' });
    expect([response.text, response.headers.get('content-length')]).toEqual(['', '5']);
  });

  test('an endless body to a HEAD is cancelled', async () => {
    let cancelled = false;
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(Buffer.from('x')),
        cancel: () => {
          cancelled = true;
        },
      });
    expect(await call(() => new Response(endless()), { method: 'HEAD' })).toMatchObject({ text: '', complete: true });
    expect(cancelled).toBe(true);
  });

  test('blocks pass one by one; a stream of one block has a length', async () => {
    const encoder = new TextEncoder();
    const streamed = await call(
      () =>
        new Response(
          new ReadableStream({
            async start(controller) {
              controller.enqueue(encoder.encode('a'));
              await sleep(20);
              controller.enqueue(encoder.encode('b'));
              controller.close();
            },
          }),
        ),
    );
    expect(streamed.blocks.map(String)).toEqual(['a', 'b']);
    expect(streamed.headers.get('content-length')).toBeUndefined();
  });

  test('a body that is nobody’s to read any more is an error', async () => {
    const response = await call(async () => {
      const used = new Response('x');
      await used.text();
      return used;
    });
    expect(response).toMatchObject({ status: '500 Internal Server Error', errors: expect.stringContaining('has been used already') });
  });

  test.each<[string, FetchFunction, string]>([
    ['throws', () => Promise.reject(new Error('oh')), 'Error: oh'],
    [
      'returns nothing',
      (() => undefined) as unknown as FetchFunction,
      '[response-missing] ApplicationError: A Fetch handler must return a Response, got undefined',
    ],
    ['returns Response.error()', () => Response.error(), '[response-error] ApplicationError'],
    ['sets a header beyond ISO-8859-1', () => new Response('x', { headers: { 'X-Name': '€' } }), 'ByteString'],
  ])('a handler that %s is answered with 500', async (_what, handler, logged) => {
    const response = await call(handler);
    expect(response).toMatchObject({ status: '500 Internal Server Error', text: '500 Internal Server Error\n' });
    expect(response.errors).toContain(logged);
  });

  test('a stream that fails ends the response short', async () => {
    const response = await call(
      () =>
        new Response(
          new ReadableStream(
            {
              async pull(controller) {
                controller.enqueue(Buffer.from('half'));
                await sleep(20);
                controller.error(new Error('broke off'));
              },
            },
            { highWaterMark: 0 },
          ),
        ),
    );
    expect(response).toMatchObject({ status: '200 OK', text: 'half', complete: false });
    expect(response.errors).toContain('Error: broke off');
  });

  test('one of another library is understood by its shape', async () => {
    const { Response: Other } = { Response: class extends Response {} };
    expect((await call(() => new Other('theirs'))).text).toBe('theirs');
  });
});

describe('the context', () => {
  test('waitUntil, by context and by request, is waited for; a rejection is logged', async () => {
    const done: string[] = [];
    const response = await call((request, _environ, context: FetchContext) => {
      context.waitUntil(sleep(50).then(() => done.push('first')));
      Reflect.get(request, 'waitUntil')(sleep(20).then(() => Promise.reject(new Error('late'))));
      const { waitUntil, passThroughOnException } = context;
      passThroughOnException();
      waitUntil(sleep(10).then(() => waitUntil(sleep(60).then(() => done.push('nested')))));
      return new Response('out');
    });
    expect(response.text).toBe('out');
    expect(done).toEqual(['first', 'nested']);
    expect(response.errors).toContain('A promise given to waitUntil() was rejected: Error: late');
  });

  test('an object keeps its own this', async () => {
    const handler = {
      name: 'mine',
      fetch() {
        return new Response(this.name);
      },
    };
    expect((await callApplication(fromFetch(handler))).text).toBe('mine');
    expect(() => fromFetch({} as typeof handler)).toThrow(
      'A Fetch handler must be a function or have a method fetch, got an object of Object',
    );
  });
});

describe('a client that leaves', () => {
  test('aborts the signal and cancels the body', async () => {
    const seen: string[] = [];
    const { port } = await serve(
      fromFetch((request) => {
        request.signal.addEventListener('abort', () => seen.push(`aborted: ${request.signal.reason.name}`));
        return new Response(
          new ReadableStream({
            async pull(controller) {
              await sleep(5);
              controller.enqueue(Buffer.alloc(1000));
            },
            cancel: (reason) => void seen.push(`cancelled: ${reason.name}`),
          }),
        );
      }),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await until(() => seen.length === 2);
    expect(seen.sort()).toEqual(['aborted: AbortError', 'cancelled: AbortError']);
  });

  test('aborts the signal of a handler that has not answered yet', async () => {
    let aborted = false;
    const { port } = await serve(
      fromFetch(
        (request) =>
          new Promise((_resolve, reject) => {
            request.signal.addEventListener('abort', () => {
              aborted = true;
              reject(request.signal.reason);
            });
          }),
      ),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await sleep(100);
    socket.destroy();
    await until(() => aborted);
    expect(aborted).toBe(true);
  });

  test('a cancel() that fails harms nobody', async () => {
    const serving = await serve(
      fromFetch(
        () =>
          new Response(
            new ReadableStream({
              async pull(controller) {
                await sleep(5);
                controller.enqueue(Buffer.alloc(1000));
              },
              cancel: () => Promise.reject(new Error('no')),
            }),
          ),
      ),
    );
    const socket = open(serving.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await sleep(50);
    expect((await ask(serving.port, { method: 'HEAD' })).status).toBe(200);
  });
});
