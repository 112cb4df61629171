// Applications of each framework over real sockets: behind node:http, as they were written for, and behind our
// gateway. What a client sees must be the same.

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromFetch } from '../../src/fetch/index.ts';
import { fromNode } from '../../src/node/index.ts';
import { makeServer } from '../../src/server/index.ts';
import { call } from '../../src/testing/index.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { type Answer, ask, type Question } from '../servers/client.ts';
import {
  connectApplication,
  expressApplication,
  fastifyApplication,
  honoApplication,
  koaApplication,
  plainListener,
} from './applications.ts';

const fastify = fastifyApplication();
const koa = koaApplication();
const hono = honoApplication();
const frameworks: [name: string, listener: RequestListener, application: ApplicationFunction][] = [
  ['a plain listener', plainListener, fromNode(plainListener)],
  ['an http.Server', plainListener, fromNode(createServer(plainListener))],
  ['Express', expressApplication(), fromNode(expressApplication())],
  ['Connect', connectApplication(), fromNode(connectApplication())],
  ['Koa', koa.callback(), fromNode(koa)],
  ['Fastify', (request, response) => void fastify.ready().then(() => fastify.routing(request, response)), fromNode(fastify)],
  ['Hono', getRequestListener(hono.fetch, { overrideGlobalObjects: false }), fromFetch(hono)],
];

const JSON_TYPE = ['Content-Type: application/json'];
const BYTES_TYPE = ['Content-Type: application/octet-stream'];
const big = Buffer.alloc(5_000_000, 'abcdefg');
const huge = Buffer.alloc(20_000_000, 'hijklmnop');
const large = JSON.stringify({ text: 'x'.repeat(1_000_000) });
const chunked = (...pieces: string[]) => [...pieces, ''].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('');

const questions: [name: string, question: Question][] = [
  ...['/text', '/json', '/buffer', '/empty', '/teapot', '/redirect', '/cookies', '/info', '/headers', '/latin1', '/big', '/stream'].map(
    (path): [string, Question] => [`GET ${path}`, { path }],
  ),
  ...['/head', '/throw', '/reject', '/method', '/nowhere', '/early', '/trailers', '/length', '/pieces', '/nothing'].map(
    (path): [string, Question] => [`GET ${path}`, { path }],
  ),
  ...['/text', '/json', '/big', '/empty', '/redirect', '/nowhere', '/stream'].map((path): [string, Question] => [
    `HEAD ${path}`,
    { method: 'HEAD', path },
  ]),
  ...['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'].map((method): [string, Question] => [
    `${method} /method`,
    { method, path: '/method' },
  ]),
  ...['/latin1-text', '/latin1-latin1', '/latin1-head', '/reason'].map((path): [string, Question] => [`GET ${path}`, { path }]),
  ['20 MB up and down', { method: 'POST', path: '/pipe', headers: BYTES_TYPE, body: huge }],
  ['a query', { path: '/query?a=1&b=%20c&a=2&d=%C3%BC' }],
  ['a query without a value', { path: '/query?' }],
  ['parameters', { path: '/params/a%20b/c%2Fd' }],
  ['parameters that are no UTF-8', { path: '/params/%E9/x' }],
  ['a path that is not encoded well', { path: '/params/%zz/x' }],
  ['double slashes', { path: '//text' }],
  ['a slash behind', { path: '/text/' }],
  ['a long query', { path: `/query?a=${'x'.repeat(7000)}` }],
  [
    'many headers, repeated ones, cookies',
    { path: '/headers', headers: ['X-A: 1', 'X-A: 2', 'Cookie: a=1', 'Cookie: b=2', 'Accept: a/b', 'X-L: \xfc'] },
  ],
  ['If-None-Match', { path: '/text', headers: ['If-None-Match: *'] }],
  ['a range', { path: '/text', headers: ['Range: bytes=0-1'] }],
  ['JSON', { method: 'POST', path: '/json', headers: JSON_TYPE, body: Buffer.from('{"a":[1,"ü"]}') }],
  ['a megabyte of JSON', { method: 'POST', path: '/json', headers: JSON_TYPE, body: large }],
  [
    'JSON in chunks',
    { method: 'POST', path: '/json', headers: [...JSON_TYPE, 'Transfer-Encoding: chunked'], body: chunked('{"a"', ':1}') },
  ],
  ['JSON that is none', { method: 'POST', path: '/json', headers: JSON_TYPE, body: '{"a":' }],
  ['no JSON at all', { method: 'POST', path: '/json', headers: JSON_TYPE, body: '' }],
  ['a form', { method: 'POST', path: '/form', headers: ['Content-Type: application/x-www-form-urlencoded'], body: 'a=1&b=%C3%BC+c' }],
  ['5 MB up', { method: 'POST', path: '/hash', headers: BYTES_TYPE, body: big }],
  ['5 MB up and down', { method: 'POST', path: '/pipe', headers: BYTES_TYPE, body: big }],
  ['a body that nobody reads', { method: 'POST', path: '/ignore', headers: BYTES_TYPE, body: 'ignored' }],
  ['a type that nobody knows', { method: 'POST', path: '/json', headers: ['Content-Type: x/y'], body: 'abc' }],
];

/** Headers that belong to the connection, or to the moment. */
const UNCOMPARED = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'trailer']);

function comparable({ status, reason, headers, body }: Answer, other: Answer): object {
  // A length that only one of them tells is framing; a type that only Hono's own server tells is its idea, not Hono's.
  const isFraming = (name: string) => /^content-(?:length|type)$/.test(name) && !other.headers.some(([one]) => one === name);
  return { status, reason, headers: headers.filter(([name]) => !UNCOMPARED.has(name) && !isFraming(name)).sort(), body };
}

describe.each(frameworks)('%s', (_name, listener, application) => {
  const servers: Server[] = [];
  beforeAll(async () => {
    const errors = { write() {} };
    servers.push(createServer(listener).listen(0, '127.0.0.1'), makeServer('127.0.0.1', 0, application, { accessLog: false, errors }));
    await Promise.all(servers.map((server) => once(server, 'listening')));
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  test.each(questions)('%s', async (_what, question) => {
    const [theirs, ours] = await Promise.all(servers.map((server) => ask((server.address() as AddressInfo).port, question)));
    if (!theirs || !ours) throw new Error('no answer');
    const [expected, got] = [comparable(theirs, ours), comparable(ours, theirs)];
    expect(got).toEqual(expected);
  });

  test('dots, which node:http leaves in a path, are resolved', async () => {
    for (const path of ['/a/../text', '/./text', '/%2e%2e/text']) {
      const { status, text } = await call(application, { path });
      expect([path, status, text]).toEqual([path, '200 OK', (await call(application, { path: '/text' })).text]);
    }
  });
});
