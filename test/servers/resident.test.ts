// One table of cases over all real servers that speak FastCGI or SCGI. What a server does differently stands in the table,
// with the reason, and is checked as well.

import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { isRunning, until } from '../host/processes.ts';
import { type Answer, ask, header, open, type Question } from './client.ts';
import { type ResidentServer, servers } from './resident-servers.ts';
import { type Running, start } from './servers.ts';

const NGINX_BUFFERED = ['nginx fastcgi', 'nginx scgi'];
const NGINX = [...NGINX_BUFFERED, 'nginx fastcgi, kept and unbuffered', 'nginx scgi, unbuffered'];
const PROXY_FCGI = 'Apache mod_proxy_fcgi';
const PROXY_SCGI = 'Apache mod_proxy_scgi';
const APACHE = [PROXY_FCGI, PROXY_SCGI, 'Apache mod_fcgid'];
const LIGHTTPD_SCGI = 'lighttpd mod_scgi';
const LIGHTTPD = ['lighttpd bin-path', 'lighttpd mod_fastcgi', LIGHTTPD_SCGI];
const CADDY = 'Caddy';
const HAPROXY = 'HAProxy';
const H2O = 'h2o';
const KEPT = ['nginx fastcgi, kept and unbuffered', PROXY_FCGI, HAPROXY];
/** They do not pass on that a response broke off. */
const ALL_IS_WELL = [
  ...NGINX_BUFFERED,
  'nginx fastcgi, kept and unbuffered',
  'Apache mod_fcgid',
  'lighttpd bin-path',
  'lighttpd mod_fastcgi',
  CADDY,
  H2O,
];
/** Its end tells more than that of a Unix socket, and may overtake what has been sent before. */
const SCGI_BY_PORT = ['nginx scgi, unbuffered', PROXY_SCGI, LIGHTTPD_SCGI];

const big = Buffer.alloc(20_000_000, 'abcdefghijk');
const same = (text: string) => text.length === big.length && text === big.toString('latin1');

/** A site, and a process of its application. */
interface Site extends Running {
  pid: number;
}
type Check = (site: Site, server: ResidentServer) => Promise<void>;
/** What these servers do instead, and why. */
type Instead = [servers: string[], why: string, check: Check];
type Case = [claim: string, check: Check, ...instead: Instead[]];

const get = (site: Running, path: string, question: Question = {}): Promise<Answer> => ask(site.port, { path: `/app${path}`, ...question });

/** environ as the application has it, its strings byte strings. */
async function environ(site: Running, path: string, headers: string[] = []): Promise<Record<string, unknown>> {
  const { body } = await get(site, path, { headers });
  return JSON.parse(Buffer.from(body, 'latin1').toString());
}

const answers =
  (path: string, question: Question, expected: { status?: number; reason?: string; body?: string }): Check =>
  async (site) =>
    expect(await get(site, path, question)).toMatchObject({ status: 200, ...expected });

const has =
  (path: string, headers: string[], expected: Record<string, unknown>): Check =>
  async (site) =>
    expect(await environ(site, path, headers)).toMatchObject(expected);

/** The path that the application sees, where it is told about "/app" apart from the rest. */
const path = (asked: string, seen: string): Check => has(asked, [], { SCRIPT_NAME: '/app', PATH_INFO: seen });

/** An HTTP server that answers with the path it is asked for. */
const upstream = createServer(({ url = '' }, response) => {
  response.setHeader('Content-Type', 'text/plain').end(url.replace(/\?.*/, ''));
});

/** The path that all adapters see. */
const seesPath =
  (asked: string, seen: string): Check =>
  async (site) => {
    const { port } = upstream.address() as AddressInfo;
    for (const adapter of ['fetch', 'node', 'forward']) {
      const { status, body } = await get(site, `/adapters/${adapter}${asked}?${port}`);
      expect([adapter, status, body]).toEqual([adapter, 200, seen]);
    }
  };

const adapters = (asked: string, seen: string, ...instead: Instead[]): Case => [
  `the path ${JSON.stringify(asked)}, by every adapter`,
  seesPath(asked, seen),
  ...instead,
];

const LOCATIONS = ['next', '../next?a=b', '?q', '#f', '/app/hello', '//other.example/', 'https://other.example/a%2Fb?c#d'];

/** What a client gets of these. */
const located =
  (status: string, locations: readonly string[] = LOCATIONS, isKept = true): Check =>
  async (site) => {
    for (const location of locations) {
      const answer = await get(site, `/location?${encodeURIComponent(status)}&${encodeURIComponent(location)}`);
      const expected = [Number.parseInt(status, 10), isKept ? [location] : [], 'the page\n'];
      expect([answer.status, header(answer, 'location'), answer.body]).toEqual(expected);
    }
  };

/** A file by which a request and its test tell each other how far they are. */
let marks = 0;
const mark = (site: Running) => join(site.folder, 'marks', String(++marks));
const read = (file: string) => readFileSync(file, 'latin1');

/** One process is told to end while it has a request: the request is finished, and the process ends. */
const ends =
  (signal: NodeJS.Signals): Check =>
  async (site, server) => {
    const file = mark(site);
    const answer = get(site, `/held?${file}`);
    const pid = Number(await until(() => read(file)));
    process.kill(pid, signal);
    // It is told when it takes no more: its socket has gone, or it has had the time.
    writeFileSync(`${file}.go`, '');
    expect(await answer).toMatchObject({ status: 200, body: `held by ${pid}\n` });
    await until(() => !isRunning(pid));
    if (server.worker) site.run(server.worker(site));
    await answering(site);
  };

/** A server may have to notice that there is a new process. */
async function answering(site: Running): Promise<void> {
  for (let tries = 0; (await get(site, '/hello')).status !== 200; tries++) {
    if (tries === 400) throw new Error(`it never answered:\n${site.log()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

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
  await until(() => received.includes('second'));
  socket.destroy();
};

const logs =
  (text: string, act: (site: Site, server: ResidentServer) => Promise<unknown>): Check =>
  async (site, server) => {
    await act(site, server);
    await until(() => site.log().includes(text));
  };

/** A reset takes along what the server has not read; then it has an error of its own to tell. */
const breaksOff =
  (path: string): Check =>
  async (site) => {
    const { status, isWhole } = await get(site, path);
    expect(status >= 500 || !isWhole).toBe(true);
  };

/** The same where it is a matter of luck whether the client can tell. */
const endsShort =
  (path: string): Check =>
  async (site) => {
    const { status, body } = await get(site, path);
    expect(status >= 500 || 'the beginning\n'.startsWith(body)).toBe(true);
  };

const TWO_COOKIES = ['Cookie: a=1', 'Cookie: b=2'];
const STATUS_207 = '/status?207%20Several%20Things';
const chunked = (...pieces: (string | Buffer)[]): Question => ({
  method: 'POST',
  headers: ['Transfer-Encoding: chunked'],
  body: Buffer.concat(
    [...pieces, ''].map((piece) =>
      Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), Buffer.from(piece), Buffer.from('\r\n')]),
    ),
  ),
});

const cases: Case[] = [
  ['hello', answers('/hello', {}, { body: 'Hello, world!\n' })],
  [
    'a connection is closed behind the response',
    async (site) => {
      await get(site, '/hello');
      await until(() => connections(site) === 0);
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
  ['a response has its length', async (site) => expect(header(await get(site, '/hello'), 'content-length')).toEqual(['14'])],
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
  ['a path: the root', path('/', '/')],
  [
    'a path: that of the application, without a slash',
    path('', ''),
    [
      [...NGINX, ...LIGHTTPD],
      'it leads to the one with a slash',
      async (site) => {
        const answer = await get(site, '?a=b');
        expect([answer.status, header(answer, 'location')]).toEqual([301, [expect.stringMatching(/^(?:http:\/\/[^/]+)?\/app\/\?a=b$/)]]);
      },
    ],
  ],
  ['a path: %20', path('/a%20b', '/a b')],
  ['a path: %2F', path('/a%2Fb', '/a/b'), [APACHE, 'it knows no such path', answers('/a%2Fb', {}, { status: 404 })]],
  ['a path: UTF-8', path('/%C3%A9', '/\xc3\xa9')],
  ['a path: ISO-8859-1', path('/%E9', '/\xe9')],
  ['a path: //', path('/a//b', '/a//b'), [[...NGINX, ...APACHE, ...LIGHTTPD], 'it makes one of them', path('/a//b', '/a/b')]],
  ['a path: .., which Caddy and HAProxy leave to the application', path('/a/../b', '/b')],
  adapters('/greet/J%C3%B6rg', '/greet/J%C3%B6rg'),
  adapters('/greet/J\xc3\xb6rg', '/greet/J%C3%B6rg', [
    [HAPROXY],
    'it takes no such request',
    answers('/adapters/fetch/J\xc3\xb6rg', {}, { status: 400 }),
  ]),
  adapters('/%E9', '/%E9'),
  adapters('/a%20b', '/a%20b'),
  adapters('/100%25', '/100%25'),
  adapters('/%2541', '/%2541'),
  adapters('/a%2Fb', '/a%2Fb', [APACHE, 'it knows no such path', answers('/adapters/fetch/a%2Fb', {}, { status: 404 })]),
  adapters('/a/../b', '/b'),
  adapters('/a/%2e%2E/b', '/b'),
  adapters('/a%5C..%5Cb', '/a%5C..%5Cb'),
  adapters('/a;b=c,d@e:f', '/a;b=c,d@e:f'),
  adapters('//a//b', '//a//b', [[...NGINX, ...APACHE, ...LIGHTTPD], 'it makes one of them', seesPath('//a//b', '/a/b')]),
  [
    "a path that only begins like the application's is not its own",
    async (site) => expect((await ask(site.port, { path: '/application' })).body).not.toContain('wsgi.run_once'),
  ],
  ['a query is left as it is', has('/?a=%20b&c=%C3%A9+d', [], { QUERY_STRING: 'a=%20b&c=%C3%A9+d' })],
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
    'trap 12, httpoxy: a Proxy header is nowhere',
    async (site) => expect(await environ(site, '/', ['Proxy: http://evil'])).not.toHaveProperty('HTTP_PROXY'),
  ],
  ['RFC 3875 #12: HEAD gets the head and no body', answers('/hello', { method: 'HEAD' }, { body: '' })],
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
  ...['301 Moved Permanently', '302 Found', '303 See Other', '307 Temporary Redirect', '308 Permanent Redirect', '201 Created'].map(
    (status): Case => [`a ${status} has the Location that the application set`, located(status)],
  ),
  [
    'a Location may be empty',
    located('303 See Other', ['']),
    [LIGHTTPD, 'RFC 3875 #25: it was not sent then', located('303 See Other', [''], false)],
  ],
  [
    'a 200 has it, too',
    located('200 OK'),
    [APACHE, 'it goes without: for most of its modules it would be a redirect', located('200 OK', LOCATIONS, false)],
  ],
  ['a small body', answers('/echo', { method: 'POST', body: 'hello' }, { body: 'hello' })],
  ['an empty body', answers('/echo', { method: 'POST', body: '' }, { body: '' })],
  ['20 MB go up and come back', async (site) => expect(same((await get(site, '/echo', { method: 'POST', body: big })).body)).toBe(true)],
  [
    'a chunked body',
    answers('/echo', chunked('hello', ' world'), { body: 'hello world' }),
    [[PROXY_SCGI], 'it wants a Content-Length', answers('/echo', chunked('hello'), { status: 411 })],
  ],
  [
    '20 MB, chunked',
    async (site) => expect(same((await get(site, '/echo', chunked(big))).body)).toBe(true),
    [[PROXY_SCGI], 'it wants a Content-Length', answers('/echo', chunked('x'.repeat(20_000)), { status: 411 })],
    [[HAPROXY], 'it wants a Content-Length, or all in one buffer', answers('/echo', chunked('x'.repeat(20_000)), { status: 400 })],
  ],
  ['20 MB that nobody reads', answers('/hello', { method: 'POST', body: big }, { body: 'Hello, world!\n' })],
  ['20 MB come down', async (site) => expect(same((await get(site, '/large')).body)).toBe(true)],
  [
    'blocks are seen as they are made',
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
  ["wsgi.errors is the server's log", logs('a word to the log', (site) => get(site, '/say?a%20word%20to%20the%20log'))],
  ['a megabyte for the log does not hold the response up', answers('/noise', {}, { body: 'noisy\n' })],
  [
    'an application that throws is a bare 500, and the log has the cause',
    logs('thrown before the head', async (site) =>
      expect(await get(site, '/throw')).toMatchObject({ status: 500, body: '500 Internal Server Error\n' }),
    ),
  ],
  [
    'one that throws behind the head ends short, and the log has the cause',
    logs('thrown behind the head', answers('/throw-late', {}, { status: 200, body: 'the beginning\n' })),
    [SCGI_BY_PORT, 'the connection is reset', logs('thrown behind the head', endsShort('/throw-late'))],
  ],
  [
    'the client can tell',
    async (site) => expect((await get(site, '/throw-late')).isWhole).toBe(false),
    [
      ALL_IS_WELL,
      'it ends the response as if it were complete',
      async (site) => expect((await get(site, '/throw-late')).isWhole).toBe(true),
    ],
    [[LIGHTTPD_SCGI], 'it may have read all when the reset comes', endsShort('/throw-late')],
    [SCGI_BY_PORT, 'the connection is reset', breaksOff('/throw-late')],
  ],
  [
    'the client can tell where there is a Content-Length',
    async (site) => {
      const answer = await get(site, '/throw-within-length');
      expect([header(answer, 'content-length'), answer.body]).toEqual([['100'], 'the beginning\n']);
    },
    [SCGI_BY_PORT, 'the connection is reset', breaksOff('/throw-within-length')],
  ],
  [
    'a client that leaves closes the body',
    async (site) => {
      const file = mark(site);
      const socket = open(site.port, `GET /app/endless?${file} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
      expect(await until(() => read(file))).toBe('closed');
      expect(site.log()).not.toMatch(/EPIPE|client-gone/);
    },
  ],
  [
    '50 requests at once',
    async (site) => {
      const all = await Promise.all(Array.from({ length: 50 }, () => get(site, '/hello')));
      expect(all.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, () => 'Hello, world!\n'));
    },
  ],
  ['the process has survived all of this', async (site) => expect(isRunning(site.pid)).toBe(true)],
  [
    'the server has understood everything',
    async (site) => expect(site.log()).not.toMatch(/unsupported FastCGI|invalid header|unexpected record|Error parsing script headers/),
  ],
  ['SIGTERM: the request that runs is finished', ends('SIGTERM')],
  ['SIGUSR1: the request that runs is finished', ends('SIGUSR1')],
];

const built = mkdtempSync(join(tmpdir(), 'run-with-cgi-resident-'));

beforeAll(async () => {
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  await buildScript(fileURLToPath(new URL('resident-probe.ts', import.meta.url)), join(built, 'app.cgi'), { exportName: 'application' });
});
afterAll(() => {
  upstream.close();
  rmSync(built, { recursive: true });
});

describe.each(servers)('$name', (server) => {
  let site: Site;
  beforeAll(async () => {
    const running = await start(server, (cgiBin) => copyFileSync(join(built, 'app.cgi'), join(cgiBin, 'app.cgi')));
    site = { ...running, pid: 0 };
    await answering(site);
    site.pid = Number((await environ(site, '/')).pid);
  });
  afterAll(() => site?.stop());

  for (const [claim, check, ...instead] of cases) {
    const other = instead.find(([names]) => names.includes(server.name));
    test(other ? `${claim} — here: ${other[1]}` : claim, () => (other ? other[2] : check)(site, server));
  }
});
