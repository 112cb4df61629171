// The path of a request is one thing: whatever a client writes, every gateway makes the same of it, and what routes or
// refuses by it sees what those see to whom it routes.

import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import express from 'express';
import fc from 'fast-check';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { fromFetch, toFetch } from '../src/fetch/index.ts';
import { cgiBin } from '../src/host/index.ts';
import { runWithCgi } from '../src/index.ts';
import { allow, forward, urlMap } from '../src/middleware/index.ts';
import { fromNode, toNode } from '../src/node/index.ts';
import { call } from '../src/testing/index.ts';
import type { ApplicationFunction, Environ } from '../src/types.ts';
import { validator } from '../src/validator/index.ts';
import * as fastcgi from './fastcgi/client.ts';
import * as scgi from './scgi/client.ts';
import { exchange, serve } from './server/raw.ts';

/** What a client asks for, and the path that the application is given. All are byte strings. */
const PATHS: [asked: string, path: string][] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a/', '/a/'],
  ['/a/./b', '/a/b'],
  ['/a/.', '/a/'],
  ['/a/..', '/'],
  ['/.', '/'],
  ['/..', '/'],
  ['/../../etc/passwd', '/etc/passwd'],
  ['/tenant/../admin/x', '/admin/x'],
  ['/tenant/%2e%2e/admin/x', '/admin/x'],
  ['/tenant/.%2E/admin/x', '/admin/x'],
  ['/public/%2e%2e/admin', '/admin'],
  ['/a%2F..%2Fb', '/b'],
  ['/a%2Fb', '/a/b'],
  ['/a/b%2F../c', '/a/c'],
  ['/tenant/..\\admin', '/tenant/..\\admin'],
  ['/tenant/%5c..%5cadmin', '/tenant/\\..\\admin'],
  ['/tenant\\..\\..\\admin', '/tenant\\..\\..\\admin'],
  ['/tenant/%252e%252e/admin', '/tenant/%2e%2e/admin'],
  ['/tenant/.%09./admin', '/tenant/.\t./admin'],
  ['/tenant/...%2Fadmin', '/tenant/.../admin'],
  ['/tenant/..;/admin', '/tenant/..;/admin'],
  ['/tenant/..%00/admin', '/tenant/..\0/admin'],
  ['/%00', '/\0'],
  ['//admin/x', '//admin/x'],
  ['//evil.example/%2e%2e//x', '///x'],
  ['/a//../b', '/a/b'],
  ['/.hidden/...', '/.hidden/...'],
  ['/J%C3%B6rg', '/J\xc3\xb6rg'],
  ['/J\xc3\xb6rg', '/J\xc3\xb6rg'],
  ['/100%25', '/100%'],
  ['/%zz', '/%zz'],
];

/** The programs of the folder that `cgiBin` serves. */
const PROGRAMS = ['x', 'b', 'admin/x', 'tenant', 'a/c', 'etc/passwd', 'secret/x'];

const unquote = (text: string) => text.replace(/%([0-9a-f]{2})/gi, (_triple, hex) => String.fromCharCode(Number.parseInt(hex, 16)));

/** Answers with its path. */
const shown: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return Buffer.from(JSON.stringify([environ.SCRIPT_NAME, environ.PATH_INFO]), 'latin1');
};
const parsed = (response: string): string[] => JSON.parse(response.slice(response.indexOf('[')));

describe('RFC 3875 #34: every gateway gives the same path', () => {
  /** The variables of a server that decodes the path and leaves the rest to the application, as HAProxy and Caddy. */
  const variables = (asked: string) => ({ SCRIPT_NAME: '', PATH_INFO: unquote(asked), REQUEST_URI: asked });

  test.each(PATHS)('CGI: %j', async (asked, path) => {
    let output = '';
    await runWithCgi(shown, {
      environ: { REQUEST_METHOD: 'GET', ...variables(asked) },
      stdin: '',
      stdout: {
        write(bytes) {
          output += Buffer.from(bytes).toString('latin1');
        },
      },
    });
    expect(parsed(output)).toEqual(['', path]);
  });

  test('FastCGI', async () => {
    const { client } = await fastcgi.serve(shown);
    for (const [asked, path] of PATHS) {
      const bytes = await client()
        .send(fastcgi.request(1, variables(asked)))
        .ends();
      expect([asked, ...parsed(fastcgi.stream(bytes, 'STDOUT'))]).toEqual([asked, '', path]);
    }
  });

  test('SCGI, whose variables cannot hold NUL', async () => {
    const { client } = await scgi.serve(shown);
    for (const [asked, path] of PATHS.filter(([, path]) => !path.includes('\0'))) {
      const received = await client()
        .send(scgi.request(variables(asked)))
        .end();
      expect([asked, ...parsed(received)]).toEqual([asked, '', path]);
    }
  });

  test('makeServer, where Node refuses bytes beyond ASCII', async () => {
    const { port } = await serve(shown);
    for (const [asked, path] of PATHS) {
      const received = await exchange(port, `GET ${asked} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      if (/[^!-~]/.test(asked)) {
        expect(received).toMatch(/^HTTP\/1\.1 400 /);
        continue;
      }
      expect([asked, ...parsed(received)]).toEqual([asked, '', path]);
    }
  });

  test('call()', async () => {
    for (const [asked, path] of PATHS) {
      const { body } = await call(validator(shown), { path: asked });
      expect([asked, ...parsed(body.toString('latin1'))]).toEqual([asked, '', path]);
    }
  });

  test('toFetch: dots behind %2F, which a Request does not resolve, are resolved', async () => {
    const fetch = toFetch(shown);
    const paths = [
      ['/tenant/%2e%2e/admin', '/admin'],
      ['/tenant/..\\admin', '/admin'],
      ['/tenant/..%5cadmin', '/tenant/..\\admin'],
      ['/a%2F..%2Fb', '/b'],
      ['//a/./b', '//a/b'],
    ];
    for (const [asked = '', path] of paths) {
      const response = await fetch(new Request(`http://a.example${asked}`));
      expect([asked, ...parsed(await response.text())]).toEqual([asked, '', path]);
    }
  });

  test('toNode: a path stays below the place where Express has mounted the application', async () => {
    const server = createServer(express().use('/tenant', toNode(shown))).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const paths = [
      ['/tenant/../admin/x', '/admin/x'],
      ['/tenant/%2e%2e/%2e%2e/admin', '/admin'],
      ['/tenant/a/./b', '/a/b'],
      ['/tenant/..', '/'],
    ];
    for (const [asked, path] of paths) {
      const { port } = server.address() as AddressInfo;
      const received = await exchange(port, `GET ${asked} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect([asked, ...parsed(received)]).toEqual([asked, '/tenant', path]);
    }
  });

  test('a resident application with a scriptName gets only paths below it', async () => {
    const { client } = await fastcgi.serve(shown, { scriptName: '/app' });
    for (const [PATH_INFO, ...path] of [
      ['/app/a', '/app', '/a'],
      ['/app', '/app', ''],
      ['/app//a', '/app', '//a'],
      ['//app/a', '/app', '/a'],
      ['/x/../app/a', '/app', '/a'],
      ['/app/./../app/a', '/app', '/a'],
      ['/app/../admin', '', '/admin'],
      ['/apple', '', '/apple'],
    ] as const) {
      const bytes = await client()
        .send(fastcgi.request(1, { SCRIPT_NAME: '', PATH_INFO }))
        .ends();
      expect([PATH_INFO, ...parsed(fastcgi.stream(bytes, 'STDOUT'))]).toEqual([PATH_INFO, ...path]);
    }
  });

  test.each([
    ['dots in SCRIPT_NAME are resolved there', '/a/../b', '/../c', '/b', '/c'],
    ['a SCRIPT_NAME that comes to nothing is the root', '/a/..', '', '', '/'],
    [
      'nginx with a careless fastcgi_split_path_info: a PATH_INFO without its slash gets one',
      '/app',
      'evil.example/x',
      '/app',
      '/evil.example/x',
    ],
    ['a PATH_INFO that begins with dots is resolved, too', '/app', '../x', '/app', '/x'],
    ['a SCRIPT_NAME without its slash gets one', 'app', '/x', '/app', '/x'],
  ])('%s', async (_claim, SCRIPT_NAME, PATH_INFO, ...path) => {
    const { body } = await call(validator(shown), { environ: { SCRIPT_NAME, PATH_INFO } });
    expect(parsed(body.toString())).toEqual(path);
  });

  test("makeServer: variables of the deployer's environ are cleaned, too", async () => {
    const { port } = await serve(shown, { env: { SCRIPT_NAME: '/app/' } });
    const received = await exchange(port, 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(parsed(received)).toEqual(['/app', '/x']);
  });

  test('PATH_TRANSLATED of another path is removed', async () => {
    const translated: ApplicationFunction = (environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return String(environ.PATH_TRANSLATED);
    };
    const ask = async (PATH_INFO: string) =>
      (await call(translated, { environ: { SCRIPT_NAME: '/app', PATH_INFO, PATH_TRANSLATED: `/srv${PATH_INFO}` } })).text;
    expect([await ask('/a/b'), await ask('/../a')]).toEqual(['/srv/a/b', 'undefined']);
  });
});

describe('an application sees the path by which it was routed', () => {
  /** What the router has decided, and the path that the application then saw; both byte strings. */
  interface Seen {
    place: string;
    environ: Environ;
    path: string | undefined;
  }
  let seen: Seen | undefined;
  const noted =
    (place: string, application: ApplicationFunction): ApplicationFunction =>
    (environ, startResponse) => {
      seen = { place, environ, path: undefined };
      return application(environ, startResponse);
    };
  const note = (path: string) => {
    if (seen) seen.path = path;
  };
  /** The path of a request target, in which nothing is left that a parser of URLs would make something else of. */
  const resolved = (target: string): string => {
    const { pathname } = new URL(`http://localhost${target}`);
    expect(unquote(pathname)).toBe(unquote(target));
    return unquote(pathname);
  };
  /** The path that the upstream server was asked for, behind its "/base". */
  const belowBase = (): string => {
    const path = resolved(target);
    expect(path).toMatch(/^\/base(?:\/|$)/);
    return path.slice(5);
  };
  /** An application at the root, and at two places. */
  const routed = (application: ApplicationFunction) =>
    urlMap({ '/': noted('/', application), '/tenant': noted('/tenant', application), '/admin': noted('/admin', application) });

  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-paths-'));
  let upstream: Server;
  let target = '';
  beforeAll(async () => {
    // One program for each segment that the paths have. Each tells its path, byte for byte.
    const program = '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n%s" "$SCRIPT_NAME$PATH_INFO"\n';
    for (const name of PROGRAMS) {
      mkdirSync(join(folder, 'cgi-bin', dirname(name)), { recursive: true });
      writeFileSync(join(folder, 'cgi-bin', name), program);
      chmodSync(join(folder, 'cgi-bin', name), 0o755);
    }
    writeFileSync(join(folder, 'outside'), program);
    chmodSync(join(folder, 'outside'), 0o755);
    upstream = createServer((request, response) => {
      target = request.url ?? '';
      response.end();
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
  });
  afterAll(() => {
    upstream.close();
    rmSync(folder, { recursive: true });
  });

  const applications: Record<string, () => ApplicationFunction> = {
    fromFetch: () =>
      fromFetch((request) => {
        note(unquote(new URL(request.url).pathname));
        expect(new URL(request.url).host).toBe('localhost');
        return new Response(null);
      }),
    'fromFetch with the whole path': () =>
      fromFetch(
        (request, environ) => {
          const path = unquote(new URL(request.url).pathname);
          expect(path.startsWith(environ.SCRIPT_NAME)).toBe(true);
          note(path.slice(environ.SCRIPT_NAME.length));
          return new Response(null);
        },
        { wholePath: true },
      ),
    fromNode: () =>
      fromNode(({ url = '' }, response) => {
        note(resolved(url));
        response.end();
      }),
    forward: () => {
      const { port } = upstream.address() as AddressInfo;
      return forward([`http://127.0.0.1:${port}/base`]);
    },
  };

  describe.each(Object.keys(applications))('%s', (name) => {
    const check = async (asked: string) => {
      seen = undefined;
      const application = routed(applications[name]?.() ?? shown);
      await call(application, { path: asked });
      if (name === 'forward') note(belowBase());
      const { place = '', environ, path } = (seen ?? {}) as Partial<Seen>;
      expect([asked, environ?.SCRIPT_NAME, path || '/']).toEqual([asked, place === '/' ? '' : place, environ?.PATH_INFO || '/']);
    };
    test.each(PATHS)('%j', (asked) => check(asked));

    test('arbitrary paths', async () => {
      const segment = fc.constantFrom(
        ...['', '.', '..', '%2e', '%2E%2e', '.%2e', '%2f', 'a%2Fb', '\\', '..\\', '%5c', '%5C..', 'tenant', 'admin', '%61dmin', 'x'],
        ...['%00', '%09', '%0a', '.%0a.', '\t', ' ', '%20', ';', '..;', '%', '%zz', '%252e', '%25', '[a]', '\xe9', '%E9', ':', '@', '"'],
      );
      const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => `/${segments.join('/')}`);
      await fc.assert(fc.asyncProperty(path, check), { numRuns: 500 });
    });
  });

  test.each(PATHS)('cgiBin: %j', async (asked, path) => {
    const application = urlMap({ '/': cgiBin(join(folder, 'cgi-bin')), '/tenant': cgiBin(join(folder, 'cgi-bin')) });
    const { status, body } = await call(application, { path: asked });
    const whole = path.replace(/\/+/g, '/');
    const isProgram = PROGRAMS.some((name) => whole === `/${name}`);
    expect([status, body.toString('latin1')]).toEqual(isProgram ? ['200 OK', whole] : ['404 Not Found', '404 Not Found\n']);
  });

  test('doubled slashes and dots do not get past allow()', async () => {
    const application = urlMap({
      '/cgi-bin': cgiBin(join(folder, 'cgi-bin')),
      '/cgi-bin/secret': allow(cgiBin(join(folder, 'cgi-bin/secret')), ['10.0.0.1']),
    });
    const ask = async (path: string) => (await call(application, { path })).status;
    expect(await ask('/cgi-bin/x')).toBe('200 OK');
    for (const path of [
      '/cgi-bin/secret/x',
      '/cgi-bin//secret/x',
      '//cgi-bin/secret/x',
      '/cgi-bin/./secret/x',
      '/cgi-bin/a/../secret/x',
      '/cgi-bin/%2e/secret/x',
      '/cgi-bin%2F%2Fsecret%2Fx',
      '/cgi-bin///%2e/secret//x',
    ]) {
      expect([path, await ask(path)]).toEqual([path, '403 Forbidden']);
    }
  });

  describe('paths are as in frameworks that mount applications themselves', () => {
    const PATHS_BELOW = ['/app', '/app/', '/app?a=b', '/app/?a', '/app/x/y%2Fz?c=%20d', '/app//x', '/app/J%C3%B6rg/', '/app/a;b,c@d:e/[f]'];
    const get = async (server: Server, path: string) => {
      const { port } = server.address() as AddressInfo;
      return (await exchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).replace(/^.*\r\n\r\n/s, '');
    };

    test('Express: url, originalUrl, baseUrl, path', async () => {
      const application = express().use((request, response) => {
        response.json([request.url, request.originalUrl, request.baseUrl, request.path]);
      });
      const native = createServer(express().use('/app', application)).listen(0, '127.0.0.1');
      onTestFinished(() => void native.close());
      await once(native, 'listening');
      const { server } = await serve(urlMap({ '/app': fromNode(application) }));
      for (const path of PATHS_BELOW) expect([path, await get(server, path)]).toEqual([path, await get(native, path)]);
    });

    test('Hono: the URL of mount()', async () => {
      const handler = (request: Request) => new Response(new URL(request.url).href.replace(/^http:\/\/[^/]*/, ''));
      const native = new Hono().mount('/app', handler);
      const { server } = await serve(urlMap({ '/app': fromFetch(handler) }));
      for (const path of PATHS_BELOW) {
        expect([path, await get(server, path)]).toEqual([path, await (await native.request(path)).text()]);
      }
    });
  });

  test('forward: a PATH_INFO that the application has set stays below the upstream, too', async () => {
    const { port } = upstream.address() as AddressInfo;
    for (const PATH_INFO of ['/../admin', '/a/../../admin', '/..', 'x/../../admin']) {
      const environ = { SCRIPT_NAME: '/app' };
      const inner = forward([`http://127.0.0.1:${port}/base`]);
      await call((environ, startResponse) => inner({ ...environ, PATH_INFO }, startResponse), { environ });
      expect(new URL(`http://localhost${target}`).pathname).toMatch(/^\/base\//);
    }
  });
});
