// What a client gets of a script's response: status, headers, blocks as they are made, and many responses at once.

import { expect } from 'vitest';
import { header } from '../client.ts';
import { answers, get, LOCATED, type Located, located, locationsWith } from '../table.ts';
import { APACHE, always200, type Case, type Check, LIGHTTPD, OURS, PYTHON } from './case.ts';

const FORM = ['Content-Type: application/x-www-form-urlencoded'];
const LOCATIONS = locationsWith('/cgi-bin/hello.cgi');

const redirects = (expected: Omit<Located, 'locations'> & Partial<Located>): Check =>
  located('probe.cgi/location', { locations: LOCATIONS, ...expected });

function hello(count: number): Check {
  return async (site) => {
    const all = await Promise.all(Array.from({ length: count }, () => get(site, 'hello.cgi')));
    expect(all.map(({ body }) => body)).toEqual(Array.from({ length: count }, () => 'Hello, world!\n'));
  };
}

function guests(count: number): Check {
  return async (site) => {
    const names = Array.from({ length: count }, (_, guest) => `guest-${guest}-`);
    await Promise.all(names.map((name) => get(site, 'form.cgi', { method: 'POST', headers: FORM, body: `name=${name}&message=hi` })));
    const { body } = await get(site, 'form.cgi');
    for (const name of names) expect(body).toContain(`<b>${name}</b>`);
  };
}

export const responses: Case[] = [
  ['hello', answers('hello.cgi', {}, { body: 'Hello, world!\n' })],
  [
    'a response has a Content-Length',
    async (site) => {
      expect(header(await get(site, 'hello.cgi'), 'content-length')).toEqual(['14']);
    },
    [
      APACHE,
      'the event MPM chunks what it streams, even where it trusts the length',
      async (site) => {
        const answer = await get(site, 'hello.cgi');
        expect([...header(answer, 'content-length'), ...header(answer, 'transfer-encoding')]).toHaveLength(1);
      },
    ],
  ],
  ['3 MB, and process.exit() behind them', answers('probe.cgi/exit', {}, { body: 'x'.repeat(3_000_000) })],
  ['a file by the file wrapper', async (site) => expect((await get(site, 'download.cgi')).body.length).toBeGreaterThan(10_000)],
  [
    'each block arrives when it is made',
    async (site) => {
      const { body, arrivals } = await get(site, 'stream.cgi?count=3&pause=300');
      expect(body).toBe('block 1\nblock 2\nblock 3\n');
      expect(arrivals.at(-1)).toBeGreaterThan(400);
    },
  ],
  [
    'status, reason, repeated and Latin-1 headers',
    async (site) => {
      const answer = await get(site, 'probe.cgi/headers');
      expect([answer.status, header(answer, 'set-cookie'), header(answer, 'x-name'), answer.body]).toEqual([
        207,
        ['a=1', 'b=2'],
        ['D\xfcrer'],
        'several\n',
      ]);
    },
    always200('probe.cgi/headers', {}, 'several\n'),
  ],
  ...LOCATED.map(
    (status): Case => [
      `a ${status} has the Location that the application set`,
      redirects({ status }),
      [[PYTHON], 'its status is 200 whatever the script says', redirects({ status, got: 200 })],
    ],
  ),
  [
    'a Location may be empty',
    redirects({ status: '303 See Other', locations: [''] }),
    [[LIGHTTPD, OURS], 'RFC 3875 #25: it was not sent then', redirects({ status: '303 See Other', locations: [''], isKept: false })],
    [[PYTHON], 'its status is 200 whatever the script says', redirects({ status: '303 See Other', locations: [''], got: 200 })],
  ],
  [
    'a 200 has the Location that the application set',
    redirects({ status: '200 OK' }),
    [APACHE, 'it goes without: for Apache it would be a redirect', redirects({ status: '200 OK', isKept: false })],
  ],
  [
    'an NPH script writes the whole response',
    async (site) => {
      const answer = await get(site, 'nph-hello.cgi');
      expect([answer.status, answer.body.replace(/HTTP\/[0-9.]+/, 'HTTP')]).toEqual([200, "Hello over HTTP, without the server's help!\n"]);
      expect(header(answer, 'content-type')).toEqual(['text/plain']);
    },
    [
      [PYTHON],
      'it does not know NPH, and sends a head of its own before',
      async (site) => expect((await get(site, 'nph-hello.cgi')).status).toBe(200),
    ],
  ],
  ...['hono', 'express', 'koa', 'fastify'].map((name): Case => {
    const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const greeting: Check = async (site) => {
      expect((await get(site, `${name}.cgi`)).body).toBe(`Hello from ${title}!\n`);
      expect((await get(site, `${name}.cgi/greet/Ada%20B`)).body).toBe('{"hello":"Ada B"}');
    };
    return [`an application of ${title}`, greeting];
  }),
  [
    'a Fetch handler answers',
    async (site) => {
      expect((await get(site, 'fetch.cgi/a?b=c')).body).toBe('{"pathname":"/a","query":{"b":"c"}}');
      expect((await get(site, 'fetch.cgi', { method: 'POST', body: 'sent' })).body).toBe('{"received":"sent"}');
    },
  ],
  ['50 requests at once', hello(50), [[PYTHON], 'its queue holds five connections', hello(5)]],
  ['50 guests sign at once, and each is in the guestbook', guests(50), [[PYTHON], 'its queue holds five connections', guests(5)]],
];
