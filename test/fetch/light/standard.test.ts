// What the Fetch standard asks of the light classes, and only some Nodes do.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { bodyOf } from '../../../src/fetch/light/index.ts';
import { errorOf, light } from './compare.ts';

// Where Node follows the standard from some version on, light classes do under each.
describe('as in the standard, under any Node', () => {
  /** As Hono's own tests make one: methods are called on what is inside. */
  const proxyOf = <Target extends object>(inner: Target): Target =>
    new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

  test('a Proxy of a Response is a Response', async () => {
    const response = proxyOf(new light.Response('proxy', { headers: { 'X-A': 'b' } }));
    const body = bodyOf(response);
    expect(body).toBeInstanceOf(ReadableStream);
    expect(await new Response(body as ReadableStream).text()).toBe('proxy');
    expect(() => bodyOf(response)).toThrow(TypeError);
  });

  test('a Proxy of a Request is a Request, for the constructor and for fetch()', async () => {
    const server = createServer((request, response) => request.pipe(response)).listen(0);
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const make = () => proxyOf(new light.Request(url, { method: 'POST', body: 'proxy', headers: { 'X-A': 'b' }, redirect: 'error' }));
    const copy = new light.Request(make());
    expect([copy.method, copy.redirect, copy.headers.get('x-a'), await copy.text()]).toEqual(['POST', 'error', 'b', 'proxy']);
    expect(await (await light.fetch(make())).text()).toBe('proxy');
    server.close();
  });

  test('an invalid priority is refused', () => {
    expect(errorOf(() => new light.Request('http://a/', { priority: 'x' }))).toBe('TypeError');
    expect(errorOf(() => new light.Request('http://a/', { priority: 'high' }))).toBe('nothing');
  });

  test.each([{}, { foo: 1 }, { cache: undefined }])('a request made of another one and %j keeps its referrer', (init) => {
    const first = new light.Request('http://a/', { referrer: 'http://b/', referrerPolicy: 'origin' });
    const { referrer, referrerPolicy } = new light.Request(first, init);
    expect([referrer, referrerPolicy]).toEqual(['http://b/', 'origin']);
  });

  test('the chunks of a clone are clones', async () => {
    const chunk = new Uint16Array([1, 2]);
    const original = new light.Response(ReadableStream.from([chunk]));
    const clone = original.clone();
    expect((await original.body?.getReader().read())?.value).toBe(chunk);
    const copy = await clone.body?.getReader().read();
    expect(copy?.value).toEqual(chunk);
    expect(copy?.value).not.toBe(chunk);
  });
});
