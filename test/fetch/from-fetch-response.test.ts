// fromFetch(): what becomes of the Response of a handler.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FetchFunction, fromFetch } from '../../src/fetch/index.ts';
import { call as callApplication, type TestResponse } from '../../src/testing/index.ts';
import { until } from '../host/processes.ts';
import { exchange, serve, withoutDate } from '../server/raw.ts';
import { ask, open } from '../servers/client.ts';
import { call } from './call.ts';

const headersOf = (response: TestResponse) => [...response.headers];

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

  test('a header Status of the handler is dropped, and tabs and outer spaces of a reason are removed', async () => {
    const response = await call(
      () => new Response('x', { status: 404, statusText: ' Not\there ', headers: { Status: '404 Gone', 'X-A': 'b' } }),
    );
    expect([response.status, headersOf(response)]).toEqual([
      '404 Not here',
      [
        ['content-type', 'text/plain;charset=UTF-8'],
        ['x-a', 'b'],
        ['content-length', '1'],
      ],
    ]);
  });

  test('connection headers are dropped, and a Location is as the handler set it', async () => {
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

  test('a body that has been read already is an error', async () => {
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
      'needs what only Cloudflare Workers have',
      new Function('return caches.default') as FetchFunction,
      'fetch: The handler uses a global that only Cloudflare Workers have; check first whether globalThis has it\ntest: ReferenceError: caches is not defined\n',
    ],
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

  test('a stream that fails while its first block waits for a client is one failure, and no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    const serving = await serve(
      fromFetch(async (request) => {
        if (request.url.endsWith('/slow')) {
          await sleep(100);
          return new Response('slow');
        }
        const brokenOff = new ReadableStream({
          async start(controller) {
            controller.enqueue(Buffer.from('0123456789'));
            await sleep(20);
            controller.error(new Error('broke off'));
          },
        });
        return new Response(brokenOff, { headers: { 'Content-Length': '1000' } });
      }),
    );
    // Responses leave in the order of their requests: the second one's first block waits for the first one.
    const received = await exchange(serving.port, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /broken HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nslowHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n0123456789$/);
    await until(() => serving.errors !== '');
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(serving.errors).toContain('Error: broke off');
  });

  test("a stream's head leaves at once, or together with a first block that is there already", async () => {
    let release = () => {};
    const serving = await serve(
      fromFetch((request) => {
        const body = new ReadableStream({
          async start(controller) {
            if (request.url.endsWith('/empty')) controller.enqueue(new Uint8Array());
            if (request.url.includes('/late')) {
              await new Promise<void>((resolve) => {
                release = resolve;
              });
            }
            controller.enqueue('grün');
            controller.close();
          },
        });
        return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
      }),
    );
    for (const path of ['/late', '/late/empty']) {
      const socket = open(serving.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      const [head] = await once(socket, 'data');
      expect(withoutDate(String(head))).toBe(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      release();
      const [body] = await once(socket, 'data');
      expect(String(body)).toMatch(/^5\r\ngrün\r\n/);
    }
    for (const path of ['/now', '/now/empty']) {
      const { headers, body, arrivals } = await ask(serving.port, { path });
      expect([body, arrivals.length]).toEqual(['gr\xc3\xbcn', 1]);
      expect(headers).toContainEqual(['content-length', '5']);
    }
    expect(serving.errors).toBe('');
  });

  test('a HEAD for a stream that has no block yet is answered at once, and the stream cancelled', async () => {
    let cancelled = 0;
    const application = fromFetch(() => new Response(new ReadableStream({ cancel: () => void cancelled++ })));
    expect(await callApplication(application, { method: 'HEAD' })).toMatchObject({ status: '200 OK', text: '', complete: true });
    expect(cancelled).toBe(1);
  });

  test('a stream that has given its whole Content-Length is read to its end, and nothing is aborted', async () => {
    const events: string[] = [];
    const handler: FetchFunction = (request) => {
      request.signal.addEventListener('abort', () => events.push('aborted'));
      const pieces = ['abc', 'def'];
      const body = new ReadableStream({
        async pull(controller) {
          await sleep(20);
          const piece = pieces.shift();
          if (piece !== undefined) controller.enqueue(Buffer.from(piece));
          else controller.close();
          if (piece === undefined) events.push('closed');
        },
        cancel: () => void events.push('cancelled'),
      });
      return new Response(body, { headers: { 'Content-Length': request.url.endsWith('/less') ? '3' : '6' } });
    };
    expect(await call(handler)).toMatchObject({ text: 'abcdef', complete: true, errors: '' });
    expect(events.splice(0)).toEqual(['closed']);
    expect(await call(handler, { path: '/less' })).toMatchObject({ text: 'abc', complete: true, errors: '' });
    expect(events).toEqual(['cancelled']);
  });

  test('is cancelled when the handler answers after its client has left', async () => {
    let answer = () => {};
    let reason: unknown;
    const { port } = await serve(
      fromFetch(async () => {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return new Response(
          new ReadableStream({
            cancel: (why) => {
              reason = why;
            },
          }),
        );
      }),
    );
    const socket = open(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await sleep(50);
    socket.destroy();
    await sleep(50);
    answer();
    await until(() => reason !== undefined);
    expect(reason).toMatchObject({ name: 'AbortError' });
  });

  test('a Response of another library is understood by its shape', async () => {
    const { Response: Other } = { Response: class extends Response {} };
    expect((await call(() => new Other('theirs'))).text).toBe('theirs');
  });
});
