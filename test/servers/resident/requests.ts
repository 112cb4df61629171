// What a resident application gets of a request: variables, headers, and the body.

import { expect } from 'vitest';
import type { Question } from '../client.ts';
import { answers, big, get } from '../table.ts';
import { APACHE, CADDY, type Case, environ, H2O, HAPROXY, has, NGINX, PROXY_SCGI } from './case.ts';

const TWO_COOKIES = ['Cookie: a=1', 'Cookie: b=2'];
const chunked = (...pieces: (string | Buffer)[]): Question => ({
  method: 'POST',
  headers: ['Transfer-Encoding: chunked'],
  body: Buffer.concat(
    [...pieces, ''].map((piece) =>
      Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), Buffer.from(piece), Buffer.from('\r\n')]),
    ),
  ),
});

export const requests: Case[] = [
  [
    'PEP 3333 #4 to #7: environ has every required variable',
    async (site) => {
      const seen = await environ(site, '/a/b?c=d');
      expect(seen).toMatchObject({
        REQUEST_METHOD: 'GET',
        SCRIPT_NAME: '/app',
        PATH_INFO: '/a/b',
        QUERY_STRING: 'c=d',
        SERVER_PROTOCOL: 'HTTP/1.1',
        'wsgi.url_scheme': 'http',
        'wsgi.run_once': false,
        'wsgi.multithread': true,
      });
      for (const name of ['SERVER_NAME', 'SERVER_PORT']) expect([name, seen[name]]).toEqual([name, expect.stringMatching(/./)]);
    },
  ],
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(
    (method): Case => [
      `${method} reaches the application`,
      async (site) => {
        const { body } = await get(site, '/', { method, ...(method === 'POST' && { body: 'x' }) });
        expect(JSON.parse(body)).toMatchObject({ REQUEST_METHOD: method });
      },
    ],
  ),
  [
    'Host',
    has('/', [], { HTTP_HOST: 'site.example:8080' }),
    [NGINX, "Debian's fastcgi_params leave the port out", has('/', [], { HTTP_HOST: 'site.example' })],
  ],
  ['headers arrive', has('/', ['X-A: 1', 'X-B: D\xfcrer'], { HTTP_X_A: '1', HTTP_X_B: 'D\xfcrer' })],
  ['PEP 3333 #8: repeated headers are joined', has('/', ['X-A: 1', 'X-A: 2'], { HTTP_X_A: '1, 2' })],
  ['Cookie', has('/', ['Cookie: a=1; b=2'], { HTTP_COOKIE: 'a=1; b=2' })],
  [
    'two Cookie headers are both there',
    has('/', TWO_COOKIES, { HTTP_COOKIE: 'a=1; b=2' }),
    [[...APACHE, CADDY], 'it joins them by a comma', has('/', TWO_COOKIES, { HTTP_COOKIE: 'a=1, b=2' })],
    [[H2O], 'it leaves the space out', has('/', TWO_COOKIES, { HTTP_COOKIE: 'a=1;b=2' })],
  ],
  ['Authorization', has('/', ['Authorization: Bearer x'], { HTTP_AUTHORIZATION: 'Bearer x' })],
  ['REMOTE_ADDR', has('/', [], { REMOTE_ADDR: '127.0.0.1' })],
  [
    'httpoxy: a Proxy header becomes no variable',
    async (site) => expect(await environ(site, '/', ['Proxy: http://evil'])).not.toHaveProperty('HTTP_PROXY'),
  ],
  ['RFC 3875 #12: HEAD gets the head and no body', answers('/hello', { method: 'HEAD' }, { body: '' })],
  ['a small body', answers('/echo', { method: 'POST', body: 'hello' }, { body: 'hello' })],
  ['an empty body', answers('/echo', { method: 'POST', body: '' }, { body: '' })],
  [
    '20 MB go up and come back',
    async (site) => expect((await get(site, '/echo', { method: 'POST', body: big })).body === big.toString('latin1')).toBe(true),
  ],
  [
    'a chunked body',
    answers('/echo', chunked('hello', ' world'), { body: 'hello world' }),
    [[PROXY_SCGI], 'it wants a Content-Length', answers('/echo', chunked('hello'), { status: 411 })],
  ],
  [
    '20 MB, chunked',
    async (site) => expect((await get(site, '/echo', chunked(big))).body === big.toString('latin1')).toBe(true),
    [[PROXY_SCGI], 'it wants a Content-Length', answers('/echo', chunked('x'.repeat(20_000)), { status: 411 })],
    [[HAPROXY], 'it wants a Content-Length, or all in one buffer', answers('/echo', chunked('x'.repeat(20_000)), { status: 400 })],
  ],
  [
    'a body above the limit is refused',
    answers('/hello', { method: 'POST', headers: [`Content-Length: ${200_000_000}`] }, { status: 413 }),
    [
      [CADDY],
      'it counts what has come',
      (site) => answers('/hello', { method: 'POST', body: Buffer.alloc(110_000_000) }, { status: 413 })(site),
    ],
  ],
  ['20 MB that nobody reads', answers('/hello', { method: 'POST', body: big }, { body: 'Hello, world!\n' })],
];
