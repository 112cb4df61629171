// fromFetch(): the request and the context that a handler gets.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FetchContext, type FetchFunction, fromFetch } from '../../src/fetch/index.ts';
import { fromFetch as fromFetchLight } from '../../src/fetch/index-light.ts';
import { call as callApplication } from '../../src/testing/index.ts';
import { serve } from '../server/raw.ts';
import { ask } from '../servers/client.ts';
import { call } from './call.ts';

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

  test.each(['TRACE', 'CONNECT', 'TRACK', 'trace', 'PURGE'])(
    'the method %s, which no client script may use, reaches the handler',
    async (method) => {
      const handler: FetchFunction = async (request) => new Response(`${request.method} ${await request.text()}`);
      for (const adapt of [fromFetch, fromFetchLight]) {
        expect((await callApplication(adapt(handler), { method })).text).toBe(`${method} `);
        expect((await callApplication(adapt(handler), { method, body: 'body' })).text).toBe(`${method} body`);
      }
    },
  );

  test('request.ip is an address or undefined', async () => {
    const ipOf = async (REMOTE_ADDR: string | undefined) =>
      (await call((request) => new Response(String(Reflect.get(request, 'ip'))), { environ: { REMOTE_ADDR } })).text;
    expect([await ipOf('[::1]'), await ipOf('10.0.0.1'), await ipOf('unix:'), await ipOf('')]).toEqual([
      '::1',
      '10.0.0.1',
      'undefined',
      'undefined',
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

describe('the context', () => {
  test('the process waits for waitUntil() of context and request; a rejection is logged', async () => {
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

  test("a handler object's fetch() has that object as this", async () => {
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
