// The light Request and fetch() against Node's own: the same operations on both, and no difference.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { describe, test } from 'vitest';
import { type Any, bodies, outcome, same, seen } from './compare.ts';

const PROPERTIES = [
  ...['method', 'url', 'destination', 'referrer', 'referrerPolicy', 'mode', 'credentials', 'cache', 'redirect', 'integrity', 'keepalive'],
  ...['isReloadNavigation', 'isHistoryNavigation', 'bodyUsed', 'duplex'],
];

describe('Request', () => {
  test.each<[string, (classes: Any) => Any]>([
    ['a URL', ({ Request: Q }) => new Q('http://a/b c?d#e')],
    ['a URL object', ({ Request: Q }) => new Q(new URL('http://a/'))],
    ['a path', ({ Request: Q }) => new Q('/a')],
    ['nothing', ({ Request: Q }) => new Q()],
    ['a URL with a password', ({ Request: Q }) => new Q('http://a:b@c/')],
    ...['get', 'Post', 'patch', 'PATCH', 'CONNECT', 'trace', 'a b', '', 'FOO', 'delete'].map((method): [string, (classes: Any) => Any] => [
      `the method ${method}`,
      ({ Request: Q }) => new Q('http://a/', { method }),
    ]),
    [
      'all settings',
      ({ Request: Q }) =>
        new Q('http://a/', {
          mode: 'same-origin',
          credentials: 'omit',
          cache: 'no-store',
          redirect: 'manual',
          integrity: 'x',
          keepalive: true,
          referrerPolicy: 'origin',
        }),
    ],
    ...['mode', 'credentials', 'cache', 'redirect', 'referrerPolicy'].map((name): [string, (classes: Any) => Any] => [
      `a ${name} that is none`,
      ({ Request: Q }) => new Q('http://a/', { [name]: 'x' }),
    ]),
    ['navigate', ({ Request: Q }) => new Q('http://a/', { mode: 'navigate' })],
    ['only-if-cached', ({ Request: Q }) => new Q('http://a/', { cache: 'only-if-cached' })],
    ['a window', ({ Request: Q }) => new Q('http://a/', { window: 5 })],
    ['no referrer', ({ Request: Q }) => new Q('http://a/', { referrer: '' })],
    ['a bad referrer', ({ Request: Q }) => new Q('http://a/', { referrer: 'http://' })],
    ['a signal that is none', ({ Request: Q }) => new Q('http://a/', { signal: {} })],
    ['no signal', ({ Request: Q }) => new Q('http://a/', { signal: null })],
    ['init null', ({ Request: Q }) => new Q('http://a/', null)],
    ['init a number', ({ Request: Q }) => new Q('http://a/', 5)],
    ['headers', ({ Request: Q }) => new Q('http://a/', { headers: { Cookie: 'a', Host: 'b', 'X-Y': 'z' } })],
    ['another one', ({ Request: Q }) => new Q(new Q('http://a/', { method: 'POST', body: 'x', headers: { a: 'b' }, cache: 'no-cache' }))],
    ['another one, with other headers', ({ Request: Q }) => new Q(new Q('http://a/', { headers: { a: 'b' } }), { headers: { c: 'd' } })],
    [
      'another one, with another body',
      ({ Request: Q }) => new Q(new Q('http://a/', { method: 'POST', body: 'x' }), { body: new URLSearchParams({ a: 'b' }) }),
    ],
    ['another one with a body, as GET', ({ Request: Q }) => new Q(new Q('http://a/', { method: 'POST', body: 'x' }), { method: 'GET' })],
    ['a clone', ({ Request: Q }) => new Q('http://a/', { method: 'POST', body: 'x', cache: 'reload' }).clone()],
    ['a referrer', ({ Request: Q }) => new Q('http://a/', { referrer: 'http://b/c d' })],
    ['the referrer that is none', ({ Request: Q }) => new Q('http://a/', { referrer: 'about:client' })],
    ...[{ method: 'GET' }, { cache: 'default' }, { signal: null }].map((init): [string, (classes: Any) => Any] => [
      `another one with a referrer, and ${inspect(init)}`,
      ({ Request: Q }) => new Q(new Q('http://a/', { referrer: 'http://b/', referrerPolicy: 'origin', cache: 'reload' }), init),
    ]),
    ['a duplex that is none', ({ Request: Q }) => new Q('http://a/', { duplex: 'full' })],
    ['PUT with no-cors', ({ Request: Q }) => new Q('http://a/', { mode: 'no-cors', method: 'PUT' })],
    ['POST with no-cors', ({ Request: Q }) => new Q('http://a/', { mode: 'no-cors', method: 'POST', body: 'x' })],
    ...[{ mode: 'no-cors' }, { mode: 'same-origin' }, { keepalive: true }].map((init): [string, (classes: Any) => Any] => [
      `a stream with ${inspect(init)}`,
      ({ Request: Q }) => new Q('http://a/', { method: 'POST', body: bodies['a stream']?.(), duplex: 'half', ...init }),
    ]),
  ])('%s', async (_what, make) => {
    await same((classes) => seen(make(classes), PROPERTIES));
    await same(async (classes) => (await make(classes)).text());
  });

  test('takes the body of another away', async () => {
    await same(async ({ Request: Q }) => {
      const first = new Q('http://a/', { method: 'POST', body: 'x' });
      const second = new Q(first);
      return [
        first.bodyUsed,
        second.bodyUsed,
        await outcome(() => new Q(first).url),
        await second.text(),
        await outcome(() => first.text()),
      ];
    });
  });

  test('takes the body of another away after its body property was read', async () => {
    await same(async ({ Request: Q }) => {
      const first = new Q('http://a/', { method: 'POST', body: 'x' });
      const { body } = first;
      const second = new Q(first);
      return [first.bodyUsed, body === first.body, body.locked, second.body === body, second.bodyUsed, await second.text()];
    });
  });

  test('looks the same in a log', async () => {
    await same(({ Request: Q }) => [inspect(new Q('http://a/', { headers: { 'X-A': '1' } })), inspect([new Q('http://a/')], { depth: 0 })]);
  });

  test('has a signal of its own, which follows the given one', async () => {
    await same(async ({ Request: Q }) => {
      const controller = new AbortController();
      const request = new Q('http://a/', { signal: controller.signal });
      const copy = request.clone();
      const derived = new Q(request);
      const before = [request.signal === controller.signal, request.signal.aborted, Object.is(request.signal, request.signal)];
      controller.abort('why');
      return [before, request.signal.aborted, request.signal.reason, copy.signal.aborted, derived.signal.aborted];
    });
    await same(({ Request: Q }) => new Q('http://a/', { signal: AbortSignal.abort('x') }).signal.reason);
    await same(({ Request: Q }) => new Q('http://a/').signal.aborted);
  });
});

test('the real fetch() takes a light Request, body and all', async () => {
  const server = createServer((request, response) => {
    response.setHeader('X-Method', String(request.method)).setHeader('X-Given', String(request.headers['x-given']));
    request.pipe(response);
  }).listen(0);
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await same(async ({ Request: Q, Headers: H, fetch: get, Response: S }) => {
    const answers = [
      await get(new Q(url, { method: 'PUT', body: 'sent', headers: { 'X-Given': '1' } })),
      await get(new Q(url, { method: 'POST', body: bodies['a stream']?.(), duplex: 'half' })),
      await get(url, { method: 'POST', body: 'x', headers: new H({ 'X-Given': '2' }) }),
      await get(new Q(url), { method: 'DELETE' }),
    ];
    return Promise.all(
      answers.map(async (answer) => [
        answer instanceof S,
        answer.headers.get('x-method'),
        answer.headers.get('x-given'),
        await answer.text(),
      ]),
    );
  });
  await same(({ Request: Q, fetch: get }) => get(new Q(url, { signal: AbortSignal.abort() })));
  server.close();
});
