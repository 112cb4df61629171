// What a client gets of a resident application's response: status, headers, blocks as they are made, and what becomes of the connection.

import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { until } from '../../host/processes.ts';
import { header, open } from '../client.ts';
import type { Running } from '../servers.ts';
import { answers, big, get, LOCATED, type Located, located, locationsWith } from '../table.ts';
import { APACHE, CADDY, type Case, type Check, HAPROXY, LIGHTTPD, mark, NGINX_BUFFERED, PROXY_FCGI, read } from './case.ts';

/** Servers that keep a connection to the application, for the next request. */
const KEPT = ['nginx fastcgi, kept and unbuffered', PROXY_FCGI, HAPROXY];
const STATUS_207 = '/status?207%20Several%20Things';
const LOCATIONS = locationsWith('/app/hello');

const redirects = (expected: Omit<Located, 'locations'> & Partial<Located>): Check =>
  located('/location', { locations: LOCATIONS, ...expected });

/** Connections to the application that are open, as the system counts them. */
function connections({ folder, gatewayPort }: Running): number {
  const [port, connected] = [`:${gatewayPort.toString(16).toUpperCase().padStart(4, '0')}`, '01'];
  const tcp = read('/proc/net/tcp')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const unix = read('/proc/net/unix')
    .split('\n')
    .map((line) => line.split(/\s+/));
  return (
    tcp.filter(([, local, , state]) => local?.endsWith(port) && state === connected).length +
    unix.filter(([, , , , , state, , path]) => path?.startsWith(`${folder}/`) && state === '03').length
  );
}

const streams: Check = async (site) => {
  const file = mark(site);
  const socket = open(site.port, `GET /app/blocks?${file} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  let received = '';
  socket.on('data', (piece) => {
    received += piece.toString('latin1');
  });
  await until(() => received.includes('first'));
  writeFileSync(file, '');
  expect(await until(() => received.includes('second'))).toBe(true);
  socket.destroy();
};

export const responses: Case[] = [
  ['hello', answers('/hello', {}, { body: 'Hello, world!\n' })],
  [
    'a connection that is not kept is closed after the response',
    async (site) => {
      await get(site, '/hello');
      expect(await until(() => connections(site) === 0)).toBe(true);
    },
    [
      KEPT,
      'it is kept, and used again',
      async (site) => {
        for (let count = 0; count < 20; count++) await get(site, '/hello');
        expect(connections(site)).toBeGreaterThan(0);
        expect(connections(site)).toBeLessThan(10);
      },
    ],
  ],
  ['a response has a Content-Length', async (site) => expect(header(await get(site, '/hello'), 'content-length')).toEqual(['14'])],
  ...['204 No Content', '304 Not Modified'].map(
    (status): Case => [
      `${status} has no body`,
      answers(`/status?${encodeURIComponent(status)}`, {}, { status: Number.parseInt(status, 10), body: '' }),
    ],
  ),
  ...['404 Not Found', '500 Internal Server Error', '503 Service Unavailable'].map(
    (status): Case => [
      `${status} has the application's body`,
      answers(`/status?${encodeURIComponent(status)}`, {}, { status: Number.parseInt(status, 10), body: 'the body\n' }),
    ],
  ),
  [
    "the reason is the application's",
    answers(STATUS_207, {}, { status: 207, reason: 'Several Things' }),
    [LIGHTTPD, 'it has its own', answers(STATUS_207, {}, { status: 207, reason: 'Multi-status' })],
    [[CADDY], 'it has its own', answers(STATUS_207, {}, { status: 207, reason: 'Multi-Status' })],
  ],
  [
    'several Set-Cookie, and a header in ISO-8859-1',
    async (site) => {
      const answer = await get(site, '/cookies');
      expect([header(answer, 'set-cookie'), header(answer, 'x-name'), answer.body]).toEqual([
        ['a=1', 'b=2'],
        ['D\xfcrer'],
        'two cookies\n',
      ]);
    },
  ],
  ...LOCATED.map((status): Case => [`a ${status} has the Location that the application set`, redirects({ status })]),
  [
    'a Location may be empty',
    redirects({ status: '303 See Other', locations: [''] }),
    [LIGHTTPD, 'RFC 3875 #25: it was not sent then', redirects({ status: '303 See Other', locations: [''], isKept: false })],
  ],
  [
    'a 200 has the Location that the application set',
    redirects({ status: '200 OK' }),
    [APACHE, 'it goes without: for most of its modules it would be a redirect', redirects({ status: '200 OK', isKept: false })],
  ],
  ['20 MB come down', async (site) => expect((await get(site, '/large')).body === big.toString('latin1')).toBe(true)],
  [
    'each block arrives when it is made',
    streams,
    [
      NGINX_BUFFERED,
      'it gathers them unless told otherwise',
      async (site) => {
        const file = mark(site);
        writeFileSync(file, '');
        expect((await get(site, `/blocks?${file}`)).body).toBe('first\nsecond\n');
      },
    ],
  ],
  [
    '50 requests at once',
    async (site) => {
      const all = await Promise.all(Array.from({ length: 50 }, () => get(site, '/hello')));
      expect(all.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, () => 'Hello, world!\n'));
    },
  ],
];
