// What a script gets of a request: variables, headers, and the body.

import { expect } from 'vitest';
import { ask, open } from '../client.ts';
import { answers, big, get } from '../table.ts';
import { APACHE, always200, BUSYBOX, type Case, environ, type Instead, PYTHON } from './case.ts';

const FORM = ['Content-Type: application/x-www-form-urlencoded'];

export const requests: Case[] = [
  [
    'PEP 3333 #4 to #7: environ has every required variable',
    async (site) => {
      const seen = await environ(site, 'environ.cgi/a/b?c=d');
      expect(seen).toMatchObject({
        REQUEST_METHOD: 'GET',
        SCRIPT_NAME: '/cgi-bin/environ.cgi',
        PATH_INFO: '/a/b',
        QUERY_STRING: 'c=d',
        GATEWAY_INTERFACE: 'CGI/1.1',
        'wsgi.url_scheme': 'http',
        'wsgi.run_once': 'true',
      });
      for (const name of ['SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL'])
        expect([name, seen[name]]).toEqual([name, expect.stringMatching(/./)]);
      expect((await environ(site)).PATH_INFO).toBe('');
    },
  ],
  [
    'busybox: SERVER_NAME and SERVER_PORT come from the Host header where the server sets neither',
    async (site) => expect((await environ(site)).SERVER_NAME).toMatch(/./),
    [
      [BUSYBOX],
      'it sets neither',
      async (site) => expect(await environ(site)).toMatchObject({ SERVER_NAME: 'site.example', SERVER_PORT: '8080' }),
    ],
  ],
  ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(
    (method): Case => [
      `${method} reaches the script`,
      async (site) =>
        expect((await environ(site, 'environ.cgi', { method, ...(method === 'POST' ? { body: 'x' } : {}) })).REQUEST_METHOD).toBe(method),
      ...(method === 'GET' || method === 'POST'
        ? []
        : [[[PYTHON], 'it knows GET, HEAD and POST only', answers('environ.cgi', { method }, { status: 501 })] as Instead]),
    ],
  ),
  [
    'RFC 3875 #12: HEAD gets the head and no body',
    async (site) => expect(await get(site, 'hello.cgi', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' }),
  ],
  ...['?--help', '?-e+process.exit(9)', '?a+b', '?-s'].map(
    (query): Case => [
      `RFC 3875 #14: the words of ${query} are nothing to Node`,
      answers(`hello.cgi${query}`, {}, { body: 'Hello, world!\n' }),
    ],
  ),
  [
    'PEP 3333 #8: headers arrive, repeated ones joined, cookies by a semicolon',
    async (site) => {
      const seen = await environ(site, 'environ.cgi', { headers: ['X-A: 1', 'X-A: 2', 'Cookie: a=1; b=2'] });
      expect(seen).toMatchObject({ HTTP_X_A: '1, 2', HTTP_COOKIE: 'a=1; b=2' });
    },
    [
      [BUSYBOX],
      'of two headers it passes the last',
      async (site) => expect((await environ(site, 'environ.cgi', { headers: ['X-A: 1', 'X-A: 2'] })).HTTP_X_A).toBe('2'),
    ],
    [
      [PYTHON],
      'it passes four headers only',
      async (site) =>
        expect(await environ(site, 'environ.cgi', { headers: ['X-A: 1', 'Cookie: a=1'] })).toMatchObject({ HTTP_COOKIE: 'a=1' }),
    ],
  ],
  [
    'nginx: two Cookie headers are both there',
    async (site) =>
      expect((await environ(site, 'environ.cgi', { headers: ['Cookie: a=1', 'Cookie: b=2'] })).HTTP_COOKIE).toMatch(/^a=1[;,] b=2$/),
    [
      [BUSYBOX],
      'of two headers it passes the last',
      async (site) => expect((await environ(site, 'environ.cgi', { headers: ['Cookie: a=1', 'Cookie: b=2'] })).HTTP_COOKIE).toBe('b=2'),
    ],
  ],
  [
    'Authorization arrives',
    async (site) =>
      expect((await environ(site, 'environ.cgi', { headers: ['Authorization: Bearer x'] })).HTTP_AUTHORIZATION).toBe('Bearer x'),
    [
      [PYTHON],
      'it keeps it to itself',
      async (site) =>
        expect((await environ(site, 'environ.cgi', { headers: ['Authorization: Bearer x'] })).HTTP_AUTHORIZATION).toBeUndefined(),
    ],
  ],
  [
    'httpoxy: a Proxy header becomes no variable',
    async (site) => expect((await environ(site, 'environ.cgi', { headers: ['Proxy: http://evil'] })).HTTP_PROXY).toBeUndefined(),
  ],
  [
    '20 MB go up and come back, where the server reads nothing before it has sent all (Apache, fcgiwrap)',
    async (site) => {
      const { status, body } = await get(site, 'echo.cgi', { method: 'POST', body: big });
      expect([status, body.length, body === big.toString('latin1')]).toEqual([200, big.length, true]);
    },
  ],
  [
    '2 MB come down before 20 MB are read',
    answers('probe.cgi/write-first', { method: 'POST', body: big }, { body: `${'x'.repeat(2_000_000)}20000000` }),
  ],
  [
    'mod_cgid: 20 MB that nobody reads do not lose the response',
    answers('hello.cgi', { method: 'POST', body: big }, { body: 'Hello, world!\n' }),
  ],
  [
    'more than maxBodySize is answered with 413',
    async (site) => {
      const socket = open(site.port, 'POST /cgi-bin/probe.cgi HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 16385\r\n\r\n');
      socket.destroy();
      const { status, body } = await get(site, 'form.cgi', { method: 'POST', headers: FORM, body: 'x'.repeat(16_385) });
      expect([status, body]).toEqual([413, '413 Content Too Large\n']);
    },
    always200('form.cgi', { method: 'POST', headers: FORM, body: 'x'.repeat(16_385) }, '413 Content Too Large\n'),
  ],
  [
    'a chunked body arrives',
    answers(
      'echo.cgi',
      { method: 'POST', headers: ['Transfer-Encoding: chunked'], body: '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n' },
      { body: 'hello world' },
    ),
    [
      [BUSYBOX],
      'it passes the framing of what has come, so that the script refuses',
      answers('echo.cgi', { method: 'POST', headers: ['Transfer-Encoding: chunked'], body: '5\r\nhello\r\n0\r\n\r\n' }, { status: 411 }),
    ],
    [
      [PYTHON],
      'it passes no such header, so that the body looks empty',
      answers('echo.cgi', { method: 'POST', headers: ['Transfer-Encoding: chunked'], body: '5\r\nhello\r\n0\r\n\r\n' }, { body: '' }),
    ],
  ],
  [
    'Apache: an ErrorDocument after a POST runs at once and without a body',
    undefined,
    [
      APACHE,
      'only Apache has them',
      async (site) => {
        const { body } = await ask(site.port, { method: 'POST', path: '/nowhere', body: 'x=1' });
        expect(body).toContain('REDIRECT_REQUEST_METHOD=POST\n');
        expect(body).not.toMatch(/^CONTENT_LENGTH=/m);
      },
    ],
  ],
];
