// One table of cases over all real servers. What a server does differently stands in the table, with
// the reason, and is checked as well.

import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { type Answer, ask, header, open, type Question } from './client.ts';
import { type Running, servers, start } from './servers.ts';

const APACHE = ['Apache mod_cgid', 'Apache mod_cgi'];
const BUSYBOX = 'busybox httpd';
const HAPROXY = 'HAProxy with fcgiwrap';
const LIGHTTPD = 'lighttpd';
const NGINX = 'nginx with fcgiwrap';
const OURS = 'the development server';
const PYTHON = 'Python http.server';
const big = Buffer.alloc(20_000_000, 'abcdefghijk');

type Check = (site: Running, server: string) => Promise<void>;
/** What these servers do instead, and why. */
type Instead = [servers: string[], why: string, check: Check];
type Case = [claim: string, check: Check, ...instead: Instead[]];

const get = (site: Running, path: string, question: Question = {}): Promise<Answer> =>
  ask(site.port, { path: `/cgi-bin/${path}`, ...question });

/** environ as environ.cgi shows it. */
async function environ(site: Running, path = 'environ.cgi', question: Question = {}): Promise<Record<string, string>> {
  const { body } = await get(site, path, question);
  return Object.fromEntries(body.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

const answers =
  (path: string, question: Question, expected: { status?: number; body?: string }): Check =>
  async (site) => {
    const { status, body } = await get(site, path, question);
    expect({ status, body }).toEqual({ status: expected.status ?? 200, body: expected.body ?? body });
  };

const shows =
  (path: string, text: string): Check =>
  async (site) =>
    expect((await get(site, path)).body).toContain(text);

const always200 = (path: string, question: Question, body: string): Instead => [
  [PYTHON],
  'its status is 200 whatever the script says',
  answers(path, question, { status: 200, body }),
];

const marked = (site: Running, name: string): Promise<void> => until(() => existsSync(join(site.folder, 'marks', name)));

/** How many scripts of this site there are. */
function running(site: Running): number {
  const commands = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return commands.filter((pid) => commandLine(pid).includes(`${site.folder}/root/cgi-bin/`)).length;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return ''; // it has just ended
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries === 200) throw new Error('that never came to be');
    await sleep(50);
  }
}

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

/** An HTTP server that answers with the path it is asked for. */
const upstream = createServer(({ url = '' }, response) => {
  response.setHeader('Content-Type', 'text/plain').end(url.replace(/\?.*/, ''));
});

/** The path that all adapters see: `asked` is behind that of the script. */
const seesPath =
  (asked: string, seen: string): Check =>
  async (site) => {
    const { port } = upstream.address() as AddressInfo;
    for (const adapter of ['fetch', 'node', 'forward']) {
      const { status, body } = await get(site, `paths.cgi/${adapter}${asked}?${port}`);
      expect([adapter, status, body]).toEqual([adapter, 200, seen]);
    }
  };

const LOCATIONS = ['next', '../next?a=b', '?q', '#f', '/cgi-bin/hello.cgi', '//other.example/', 'https://other.example/a%2Fb?c#d'];

/** What a client gets of these. */
const located =
  (status: string, locations: readonly string[], expected = Number.parseInt(status, 10), isKept = true): Check =>
  async (site) => {
    for (const location of locations) {
      const answer = await get(site, `probe.cgi/location?${encodeURIComponent(status)}&${encodeURIComponent(location)}`);
      expect([answer.status, header(answer, 'location'), answer.body]).toEqual([expected, isKept ? [location] : [], 'the page\n']);
    }
  };

const path = (asked: string, seen: string, ...instead: Instead[]): Case => [
  `the path ${JSON.stringify(asked)}, by every adapter`,
  seesPath(asked, seen),
  ...instead,
];

const ERROR = '500 Internal Server Error\n';
const FORM = ['Content-Type: application/x-www-form-urlencoded'];

const cases: Case[] = [
  ['hello', answers('hello.cgi', {}, { body: 'Hello, world!\n' })],
  [
    'a response has its length',
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
  [
    'PEP 3333 #4 to #7: environ has every required variable',
    async (site, server) => {
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
        expect([server, name, seen[name]]).toEqual([server, name, expect.stringMatching(/./)]);
      expect((await environ(site)).PATH_INFO).toBe('');
    },
  ],
  [
    'trap 10, busybox: SERVER_NAME and SERVER_PORT come from the Host header where the server sets neither',
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
      `RFC 3875 #14, trap 15: the words of ${query} are nothing to Node`,
      answers(`hello.cgi${query}`, {}, { body: 'Hello, world!\n' }),
    ],
  ),
  [
    'trap 9: a path keeps its bytes',
    async (site) => {
      expect((await environ(site, 'environ.cgi/%C3%A9')).PATH_INFO).toBe('/\xc3\xa9');
      expect((await environ(site, 'environ.cgi/%E9')).PATH_INFO).toBe('/\xe9');
    },
    [
      [PYTHON],
      'it decodes paths as UTF-8, and loses what is not',
      async (site) => {
        expect((await environ(site, 'environ.cgi/%C3%A9')).PATH_INFO).toBe('/\xc3\xa9');
        expect((await environ(site, 'environ.cgi/%E9')).PATH_INFO).toBe('/\xef\xbf\xbd');
      },
    ],
  ],
  path('/greet/J%C3%B6rg', '/greet/J%C3%B6rg'),
  path(
    '/greet/J\xc3\xb6rg',
    '/greet/J%C3%B6rg',
    [[PYTHON], 'it takes bytes for ISO-8859-1, and makes UTF-8 of them', seesPath('/greet/J\xc3\xb6rg', '/greet/J%C3%83%C2%B6rg')],
    [[OURS, HAPROXY], 'it takes no such request', answers('paths.cgi/fetch/J\xc3\xb6rg', {}, { status: 400 })],
  ),
  path('/%E9', '/%E9', [[PYTHON], 'it decodes paths as UTF-8, and loses what is not', seesPath('/%E9', '/%EF%BF%BD')]),
  path('/a%20b', '/a%20b'),
  path('/100%25', '/100%25'),
  path('/%2541', '/%2541', [[PYTHON], 'it decodes paths twice', seesPath('/%2541', '/A')]),
  path(
    '/a%2Fb',
    '/a%2Fb',
    [['Apache mod_cgid'], 'it knows no such path', shows('paths.cgi/fetch/a%2Fb', 'REDIRECT_STATUS=404\n')],
    [[BUSYBOX], 'it knows no such path', answers('paths.cgi/fetch/a%2Fb', {}, { status: 404 })],
    [[PYTHON], 'it has no REQUEST_URI', seesPath('/a%2Fb', '/a/b')],
  ),
  path('/a/../b', '/b'),
  path('/a/%2e%2E/b', '/b'),
  path('/a%5C..%5Cb', '/a%5C..%5Cb'),
  path('/a;b=c,d@e:f', '/a;b=c,d@e:f'),
  path('//a//b', '//a//b', [[...APACHE, LIGHTTPD, BUSYBOX, NGINX, PYTHON], 'it makes one of them', seesPath('//a//b', '/a/b')]),
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
    'trap 9, nginx: two Cookie headers are both there',
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
    'trap 12, httpoxy: a Proxy header is nowhere',
    async (site) => expect((await environ(site, 'environ.cgi', { headers: ['Proxy: http://evil'] })).HTTP_PROXY).toBeUndefined(),
  ],
  [
    'trap 6: 20 MB go up and come back, where the server reads nothing before it has sent all (Apache, fcgiwrap)',
    async (site) => {
      const { status, body } = await get(site, 'echo.cgi', { method: 'POST', body: big });
      expect([status, body.length, body === big.toString('latin1')]).toEqual([200, big.length, true]);
    },
  ],
  [
    'trap 6: 2 MB come down before 20 MB are read',
    answers('probe.cgi/write-first', { method: 'POST', body: big }, { body: `${'x'.repeat(2_000_000)}20000000` }),
  ],
  [
    'trap 5, mod_cgid: 20 MB that nobody reads do not lose the response',
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
    'trap 3: a chunked body arrives',
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
  ['3 MB, and process.exit() behind them', answers('probe.cgi/exit', {}, { body: 'x'.repeat(3_000_000) })],
  ['a file by the file wrapper', async (site) => expect((await get(site, 'download.cgi')).body.length).toBeGreaterThan(10_000)],
  [
    'blocks are seen as they are made',
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
  ...['301 Moved Permanently', '302 Found', '303 See Other', '307 Temporary Redirect', '308 Permanent Redirect', '201 Created'].map(
    (status): Case => [
      `a ${status} has the Location that the application set`,
      located(status, LOCATIONS),
      [[PYTHON], 'its status is 200 whatever the script says', located(status, LOCATIONS, 200)],
    ],
  ),
  [
    'a Location may be empty',
    located('303 See Other', ['']),
    [[LIGHTTPD, OURS], 'RFC 3875 #25: it was not sent then', located('303 See Other', [''], 303, false)],
    [[PYTHON], 'its status is 200 whatever the script says', located('303 See Other', [''], 200)],
  ],
  [
    'a 200 has it, too',
    located('200 OK', LOCATIONS),
    [APACHE, 'it goes without: for Apache it would be a redirect', located('200 OK', LOCATIONS, 200, false)],
  ],
  ...[
    'throw',
    'reject',
    'throw-after-start',
    'uncaught',
    'unhandled-rejection',
    'no-start',
    'never',
    'exit',
    'bad-status',
    'bad-header',
    'hop-by-hop',
  ].map(
    (path): Case => [
      `broken: ${path} is a bare 500`,
      answers(`broken.cgi/${path}`, {}, { status: 500, body: ERROR }),
      always200(`broken.cgi/${path}`, {}, ERROR),
    ],
  ),
  ...['throw-in-body', 'exit-in-body'].map(
    (path): Case => [`broken: ${path} ends short, with nothing glued on`, answers(`broken.cgi/${path}`, {}, { body: 'the beginning\n' })],
  ),
  ['broken: no-body', answers('broken.cgi/no-body', {}, { body: '' })],
  ['broken: too-long is cut', answers('broken.cgi/too-long', {}, { body: 'more' })],
  ['broken: too-short breaks off', answers('broken.cgi/too-short', {}, { body: 'less\n' })],
  ['broken: print does not reach the client', answers('broken.cgi/print', {}, { body: 'only this\n' })],
  [
    'the log has the cause',
    async (site) => {
      await get(site, 'broken.cgi/throw');
      await sleep(200);
      expect(site.log()).toContain('thrown before startResponse()');
      expect(site.log()).toContain('printed by console.log');
    },
  ],
  ['a megabyte for the log does not hold the response up', answers('probe.cgi/noise', {}, { body: 'noisy\n' })],
  [
    'trap 26: a child that lives on does not hold the response, nor does an open handle',
    async (site) => {
      const before = Date.now();
      expect((await get(site, 'broken.cgi/child')).body).toBe('a child lives on\n');
      expect((await get(site, 'broken.cgi/open-handle')).body).toBe('a timer lives on\n');
      expect(Date.now() - before).toBeLessThan(4000);
    },
  ],
  ...['slow-close', 'slow-close-with-length'].map(
    (path): Case => [
      `trap 24, lighttpd: ${path} is done although the server says SIGTERM`,
      async (site) => {
        expect((await get(site, `probe.cgi/${path}`)).body).toBe('done\n');
        await marked(site, path);
      },
    ],
  ),
  [
    'trap 23: a client that leaves ends the script, and close() runs',
    async (site) => {
      const socket = open(site.port, 'GET /cgi-bin/probe.cgi/endless HTTP/1.1\r\nHost: a\r\n\r\n');
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
      await marked(site, 'endless');
      expect(site.log()).not.toMatch(/EPIPE|client-gone/);
    },
  ],
  [
    'trap 4: an upload that breaks off is an error for the script',
    async (site) => {
      const socket = open(
        site.port,
        Buffer.concat([
          Buffer.from('POST /cgi-bin/probe.cgi/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n'),
          big.subarray(0, 300_000),
        ]),
      );
      await sleep(300);
      socket.destroy();
      await marked(site, 'body-ended-early');
    },
    [
      APACHE,
      'it ends the script by SIGTERM together with the body',
      async (site) => {
        const socket = open(site.port, 'POST /cgi-bin/probe.cgi/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nabc');
        await until(() => running(site) === 1);
        socket.destroy();
        await until(() => running(site) === 0);
      },
    ],
    [
      [LIGHTTPD, NGINX, OURS],
      'it starts the script only with a whole body',
      async (site) => expect(existsSync(join(site.folder, 'marks/body-ended-early'))).toBe(false),
    ],
  ],
  [
    'NPH: the script writes the whole response',
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
    'an application of the Fetch kind',
    async (site) => {
      expect((await get(site, 'fetch.cgi/a?b=c')).body).toBe('{"pathname":"/a","query":{"b":"c"}}');
      expect((await get(site, 'fetch.cgi', { method: 'POST', body: 'sent' })).body).toBe('{"received":"sent"}');
    },
  ],
  ['50 requests at once', hello(50), [[PYTHON], 'its queue holds five connections', hello(5)]],
  ['50 guests sign at once, and each is in the book', guests(50), [[PYTHON], 'its queue holds five connections', guests(5)]],
  [
    'trap 4, Apache: an ErrorDocument after a POST runs at once, without a body',
    async () => {},
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

const built = mkdtempSync(join(tmpdir(), 'run-with-cgi-built-'));

beforeAll(async () => {
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const sources = readdirSync(join(root, 'cgi-bin')).map((name) => join(root, 'cgi-bin', name));
  for (const source of [...sources, join(root, 'test/servers/probe.ts'), join(root, 'test/servers/paths.ts')]) {
    await buildScript(source, join(built, source.replace(/^.*\/(.*)\.ts$/, '$1.cgi')));
  }
}, 60_000);
afterAll(() => {
  upstream.close();
  rmSync(built, { recursive: true });
});

describe.each(servers)('$name', (server) => {
  let site: Running;
  beforeAll(async () => {
    site = await start(server, (cgiBin) => {
      for (const name of readdirSync(built)) if (name.endsWith('.cgi')) copyFileSync(join(built, name), join(cgiBin, name));
      const books = readdirSync(tmpdir()).filter((name) => name.startsWith('guestbook-'));
      for (const name of books) rmSync(join(tmpdir(), name), { recursive: true });
      // As in most projects.
      writeFileSync(join(cgiBin, 'package.json'), '{ "type": "module" }\n');
    });
  });
  afterAll(() => site?.stop());

  for (const [claim, check, ...instead] of cases.filter(([claim]) => server.only?.test(claim) ?? true)) {
    const other = instead.find(([names]) => names.includes(server.name));
    test(other ? `${claim} — here: ${other[1]}` : claim, () => (other ? other[2] : check)(site, server.name));
  }
});

test('the scripts that are served are those that were built', () => {
  expect(readFileSync(join(built, 'hello.cgi'), 'latin1')).toMatch(/^#!\/bin\/sh -\n/);
});
