// CGI programs of any kind under the development server, over real sockets.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { Input } from '../../src/gateway/input.ts';
import { cgiBin, cgiScript } from '../../src/host/index.ts';
import { urlMap } from '../../src/middleware/index.ts';
import { makeServer } from '../../src/server/index.ts';
import { call } from '../../src/testing/index.ts';
import type { ApplicationFunction, Block, Closable, Environ } from '../../src/types.ts';
import { setupTestingDefaults } from '../../src/util.ts';
import { validator } from '../../src/validator/index.ts';
import { run } from '../fakes.ts';
import { ask, header, open } from '../servers/client.ts';
import { isRunning, until } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-host-'));
const scripts = join(folder, 'cgi-bin');
const root = fileURLToPath(new URL('../../', import.meta.url));
let server: Server;
let port: number;

const programs: Record<string, string> = {
  'env.sh': '#!/bin/sh\necho Content-Type: text/plain\necho\nenv | sort\n',
  'hello.pl': '#!/usr/bin/perl\nprint "Status: 201 Made\\r\\nContent-Type: text/plain\\r\\nX-A: 1\\r\\nX-A: 2\\r\\n\\r\\nperl\\n";\n',
  'hello.py': '#!/usr/bin/python3\nimport sys\nsys.stdout.write("Content-Type: text/plain\\n\\n" + sys.stdin.read())\n',
  'redirect.sh': '#!/bin/sh\nprintf "Location: %s\\n\\n" "$QUERY_STRING"\ncat >/dev/null\n',
  'redirect-page.sh': '#!/bin/sh\nprintf "Location: /cgi-bin/env.sh\\nContent-Type: text/plain\\n\\npage\\n"\n',
  'loop.sh': '#!/bin/sh\nprintf "Location: /cgi-bin/loop.sh\\n\\n"\n',
  'words.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$#"\n',
  'nph-early.sh':
    '#!/bin/sh\nprintf "HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nlate"\n',
  'nph-chunked.sh': '#!/bin/sh\nprintf "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nhello\\r\\n0\\r\\n\\r\\n"\n',
  'deaf.sh': '#!/bin/sh\nexec 0<&-\nprintf "Content-Type: text/plain\\n\\nheard nothing"\n',
  'first.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nhead -c 3000000 /dev/zero | tr "\\0" x\nwc -c\n',
  'whole.sh': `#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nhead -c 3000000 /dev/zero\necho done >>${folder}/whole\n`,
  'family.sh': `#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nbegun"\n(trap '' TERM; sleep 60) & echo $! >${folder}/family\nwait\n`,
  'silent.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nbegun"\nsleep 30\n',
  'loud.sh': '#!/bin/sh\nhead -c 3000000 /dev/zero | tr "\\0" e >&2\nprintf "Content-Type: text/plain\\n\\nheard"\n',
  'crlf.sh': '#!/bin/sh\r\necho\r\n',
  'two words.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$SCRIPT_NAME"\n',
  'grüße.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$SCRIPT_NAME"\n',
  'below/deep/hello.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$SCRIPT_NAME $PATH_INFO"\n',
  'script.php': 'a file for an interpreter',
  'nph-whole.sh':
    '#!/bin/sh\nprintf "HTTP/1.1 202 Taken\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nX-A: b\\r\\n\\r\\nwhole"\n',
  'nothing.sh': '#!/bin/sh\necho said on stderr >&2\n',
  'garbage.sh': '#!/bin/sh\necho this is no head\necho\n',
  'half.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n"\n',
  'endless.sh': `#!/bin/sh\ntrap 'echo ended >${folder}/ended; exit' TERM PIPE\nprintf "Content-Type: text/plain\\n\\n"\nwhile :; do echo xxxxxxxxxxxxxxx; sleep 0.01; done\n`,
  'slow.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nfor i in 1 2 3; do echo $i; sleep 0.2; done\n',
  'stuck.sh': '#!/bin/sh\nsleep 30\n',
  'head-first.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\ncat later\n',
  'bad-interpreter.sh': '#!/nowhere/sh\n',
  'split.sh': '#!/usr/bin/env -S A=b nowhere-node --flag\n',
  'plain.txt': 'not executable',
  '.hidden.sh': '#!/bin/sh\n',
};
const C = '#include <stdio.h>\nint main() { printf("Content-Type: text/plain\\n\\nC\\n"); return 0; }\n';

beforeAll(async () => {
  mkdirSync(join(scripts, 'below/deep'), { recursive: true });
  for (const [name, source] of Object.entries(programs)) {
    writeFileSync(join(scripts, name), source);
    chmodSync(join(scripts, name), name === 'plain.txt' || name === 'script.php' ? 0o644 : 0o755);
  }
  const latin1Name = Buffer.from(join(scripts, '\xe9 $(id).sh'), 'latin1');
  writeFileSync(latin1Name, programs['two words.sh'] ?? '');
  chmodSync(latin1Name, 0o755);
  writeFileSync(join(folder, 'hello.c'), C);
  execFileSync('gcc', ['-o', join(scripts, 'hello-c'), join(folder, 'hello.c')]);
  writeFileSync(join(folder, 'outside.sh'), programs['env.sh'] ?? '');
  chmodSync(join(folder, 'outside.sh'), 0o755);
  symlinkSync('../outside.sh', join(scripts, 'link.sh'));
  for (const name of ['hello', 'echo', 'broken']) await buildScript(join(root, 'cgi-bin', `${name}.ts`), join(scripts, `${name}.cgi`));
  server = makeServer('127.0.0.1', 0, validator(urlMap({ '/': validator(cgiBin(scripts)), '/cgi-bin': cgiBin(scripts) })), {
    accessLog: false,
  });
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(async () => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe('programs in any language', () => {
  test("RFC 3875 #40 to #44: get the whole environment of a request, and none of the host's", async () => {
    process.env.SECRET_OF_THE_SERVER = 'x';
    const headers = [
      'X-A: 1',
      'X-A: 2',
      'Cookie: a=1',
      'Cookie: b=2',
      'Proxy: http://evil',
      'X_B: no',
      'Authorization: Basic x',
      'Content-Type: a/b',
    ];
    const { body } = await ask(port, { method: 'POST', path: '/env.sh/a%20%C3%A9%E9/b?c=d%20e', headers, body: 'xyz' });
    const seen = Object.fromEntries(body.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    expect(seen).toMatchObject({
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_SOFTWARE: 'run-with-cgi',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: String(port),
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '/env.sh',
      PATH_INFO: '/a \xc3\xa9\xe9/b',
      QUERY_STRING: 'c=d%20e',
      CONTENT_TYPE: 'a/b',
      CONTENT_LENGTH: '3',
      HTTP_X_A: '1, 2',
      HTTP_COOKIE: 'a=1; b=2',
      PWD: scripts,
    });
    delete process.env.SECRET_OF_THE_SERVER;
    expect(Object.keys(seen).toSorted()).toEqual(
      [
        ...['', 'CONTENT_LENGTH', 'CONTENT_TYPE', 'GATEWAY_INTERFACE', 'HTTP_COOKIE', 'HTTP_HOST', 'HTTP_X_A', 'PATH', 'PATH_INFO', 'PWD'],
        ...['QUERY_STRING', 'REDIRECT_STATUS', 'REMOTE_ADDR', 'REMOTE_PORT', 'REQUEST_METHOD', 'REQUEST_SCHEME', 'REQUEST_URI'],
        ...['SCRIPT_FILENAME', 'SCRIPT_NAME', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL', 'SERVER_SOFTWARE'],
      ].toSorted(),
    );
  });

  test('answer, in Perl, Python, C and JavaScript', async () => {
    const perl = await ask(port, { path: '/hello.pl' });
    expect([perl.status, perl.reason, header(perl, 'x-a'), perl.body]).toEqual([201, 'Made', ['1', '2'], 'perl\n']);
    expect((await ask(port, { method: 'POST', path: '/hello.py', body: 'said' })).body).toBe('said');
    expect((await ask(port, { path: '/hello-c' })).body).toBe('C\n');
    expect((await ask(port, { path: '/hello.cgi' })).body).toBe('Hello, world!\n');
  });

  test.each([
    ['/redirect.sh?http://a/b', 302, 'http://a/b'],
    ['/redirect.sh?//a/b', 302, '//a/b'],
    ['/redirect.sh?../a?b', 302, '../a?b'],
    ['/redirect.sh/x?#f', 302, '#f'],
    ['/cgi-bin/redirect.sh?/elsewhere', 302, '/elsewhere'],
    ['/cgi-bin/redirect.sh?/cgi-binary', 302, '/cgi-binary'],
    ['/cgi-bin/redirect-page.sh', 302, '/cgi-bin/env.sh'],
    ['/cgi-bin/redirect.sh?/cgi-bin/../elsewhere', 302, '/cgi-bin/../elsewhere'],
  ])('RFC 3875 #48: the client follows a redirect to %s', async (path, status, location) => {
    const answer = await ask(port, { path });
    expect([answer.status, header(answer, 'location')]).toEqual([status, [location]]);
  });

  test.each(['/cgi-bin//below/./deep/hello.sh/x', '/cgi-bin/redirect.sh?/cgi-bin//nowhere/%2e%2e/below/deep/hello.sh/x'])(
    'dots and doubled slashes lead to the same program: %s',
    async (path) => {
      expect(await ask(port, { path })).toMatchObject({ status: 200, body: '/cgi-bin/below/deep/hello.sh /x' });
    },
  );

  test('RFC 3875 #48: cgiBin follows a path below its own, by a GET without a body', async () => {
    const { status, body } = await ask(port, {
      method: 'POST',
      path: '/cgi-bin/redirect.sh/x?/cgi-bin/env.sh/a%20b?c=d',
      headers: ['Content-Type: a/b'],
      body: 'x=1',
    });
    const seen = body.split('\n');
    expect(status).toBe(200);
    expect(seen).toEqual(
      expect.arrayContaining([
        ...['REQUEST_METHOD=GET', 'SCRIPT_NAME=/cgi-bin/env.sh', 'PATH_INFO=/a b', 'QUERY_STRING=c=d', 'REDIRECT_STATUS=200'],
        ...['REDIRECT_URL=/cgi-bin/redirect.sh/x', 'REQUEST_URI=/cgi-bin/env.sh/a%20b?c=d'],
      ]),
    );
    expect(body).not.toMatch(/^CONTENT_/m);
  });

  test('a redirect of a program to itself ends', async () => {
    expect(await ask(port, { path: '/cgi-bin/loop.sh' })).toMatchObject({ status: 502, body: '502 Bad Gateway\n' });
  });

  test('RFC 3875 #47: words of the query are no arguments', async () => {
    expect((await ask(port, { path: '/words.sh?-s+--help+a' })).body).toBe('0');
  });

  test('run in a folder, with a space in their name, and with letters beyond ASCII', async () => {
    expect((await ask(port, { path: '/below/deep/hello.sh/a/b' })).body).toBe('/below/deep/hello.sh /a/b');
    expect((await ask(port, { path: '/two%20words.sh' })).body).toBe('/two words.sh');
    expect((await ask(port, { path: '/gr%C3%BC%C3%9Fe.sh' })).body).toBe('/gr\xc3\xbc\xc3\x9fe.sh');
    expect((await ask(port, { path: '/%e9%20$(id).sh' })).body).toBe('/\xe9 $(id).sh');
  });

  test('get Authorization with passAuthorization only', async () => {
    const application = (options: object) => cgiScript(join(scripts, 'env.sh'), options);
    const environ = { HTTP_AUTHORIZATION: 'Basic x' };
    expect((await call(application({}), { environ })).text).not.toContain('AUTHORIZATION');
    expect((await call(application({ passAuthorization: true }), { environ })).text).toContain('HTTP_AUTHORIZATION=Basic x\n');
  });

  test('get the option env, and run with the option interpreter', async () => {
    const application = cgiScript(join(scripts, 'script.php'), {
      interpreter: ['/bin/sh', '-c', 'printf "Content-Type: a/b\n\n$0 $OWN"'],
      env: { OWN: 'ü' },
    });
    expect((await call(application)).text).toBe(`${join(scripts, 'script.php')} ü`);
    expect((await call(cgiBin(scripts, { interpreter: ['/bin/echo', 'Status: 200\n\n'] }), { path: '/script.php' })).text).toContain(
      'script.php',
    );
  });

  test('get bytes that are no UTF-8 unchanged, and without a shell', async () => {
    const hostile = '\xff\'; touch /tmp/run-with-cgi-hostile; `id` $(id) \\ " %s \n';
    const { body } = await call(cgiScript(join(scripts, 'env.sh')), { environ: { HTTP_X_EVIL: hostile, QUERY_STRING: "';id" } });
    expect(body.toString('latin1')).toContain(`HTTP_X_EVIL=${hostile}`);
    expect(existsSync('/tmp/run-with-cgi-hostile')).toBe(false);
  });

  test('RFC 3875 #49: a whole HTTP response is understood, without its connection headers', async () => {
    const answer = await ask(port, { path: '/nph-whole.sh' });
    expect([answer.status, answer.reason, header(answer, 'x-a'), answer.body]).toEqual([202, 'Taken', ['b'], 'whole']);
  });

  test('the head does not wait for the first block', async () => {
    execFileSync('mkfifo', [join(scripts, 'later')]);
    const request = get({ port, host: '127.0.0.1', path: '/head-first.sh' });
    const [response] = await once(request, 'response');
    writeFileSync(join(scripts, 'later'), 'the body');
    const [block] = await once(response, 'data');
    expect([response.statusCode, String(block)]).toEqual([200, 'the body']);
  });

  test('RFC 3875 #50: 20 MB go up and come back', async () => {
    const big = Buffer.alloc(20_000_000, 'abcdefg');
    const { body } = await ask(port, { method: 'POST', path: '/echo.cgi', body: big });
    expect(body === big.toString('latin1')).toBe(true);
  });

  test('RFC 3875 #41, #45: a chunked body arrives, with its length', async () => {
    expect(
      (await ask(port, { method: 'POST', path: '/hello.py', headers: ['Transfer-Encoding: chunked'], body: '3\r\nabc\r\n0\r\n\r\n' })).body,
    ).toBe('abc');
  });

  test('each block arrives when it is made', async () => {
    const { body, arrivals } = await ask(port, { path: '/slow.sh' });
    expect(body).toBe('1\n2\n3\n');
    expect(arrivals.at(-1)).toBeGreaterThan(250);
  });

  test('RFC 3875 #46: HEAD gets no body', async () => {
    expect(await ask(port, { method: 'HEAD', path: '/hello.cgi' })).toMatchObject({ status: 200, body: '' });
  });

  test('RFC 3875 #46: the host reads the body of a HEAD all the same, so that the program ends by itself', async () => {
    expect(await ask(port, { method: 'HEAD', path: '/whole.sh' })).toMatchObject({ status: 200, body: '' });
    expect(await until(() => readFileSync(join(folder, 'whole'), 'utf8'))).toBe('done\n');
  });

  test('may leave the body unread, and may write before they read', async () => {
    const body = Buffer.alloc(5_000_000);
    expect((await ask(port, { method: 'POST', path: '/deaf.sh', body })).body).toBe('heard nothing');
    expect((await ask(port, { method: 'POST', path: '/first.sh', body })).body).toBe(`${'x'.repeat(3_000_000)}5000000\n`);
  });

  test('interim responses of an NPH program are dropped', async () => {
    expect(await ask(port, { path: '/nph-early.sh' })).toMatchObject({ status: 200, body: 'late' });
  });

  test('the chunked coding of an NPH program is decoded', async () => {
    expect((await call(cgiScript(join(scripts, 'nph-chunked.sh')))).text).toBe('hello');
  });

  test('50 run at once', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => ask(port, { path: '/hello-c' })));
    expect(new Set(all.map(({ body }) => body))).toEqual(new Set(['C\n']));
  });
});

describe('what goes wrong', () => {
  test.each(['nothing.sh', 'garbage.sh', 'half.sh', 'bad-interpreter.sh', 'crlf.sh'])('%s gives no response: 502', async (name) => {
    expect(await ask(port, { path: `/${name}` })).toMatchObject({ status: 502, body: '502 Bad Gateway\n' });
  });

  test.each([
    ['/plain.txt', 403],
    ['/nowhere.cgi', 404],
    ['/', 404],
    ['/.hidden.sh', 404],
    ['/../outside.sh', 404],
    ['/%2e%2e/outside.sh', 404],
    ['/..%2foutside.sh', 404],
    ['/link.sh', 404],
    ['/hello.cgi%00', 404],
    ['/below', 404],
    ['/below/', 404],
    ['/below%5c..%5chello.sh', 404],
    ['/%FF.sh', 404],
    ['/env.sh/%00', 404],
  ])('%s is refused with %d', async (path, status) => {
    expect((await ask(port, { path })).status).toBe(status);
  });

  test('standard error of a program is logged', async () => {
    const { errors, output } = await run(cgiScript(join(scripts, 'nothing.sh')));
    expect(output).toMatch(/^Status: 502 Bad Gateway\r\n/);
    expect(errors).toContain('said on stderr\n');
    expect(errors).toContain(
      `[script-failed] ApplicationError: The CGI program ${join(scripts, 'nothing.sh')} failed: it ended with exit status 0 without any output`,
    );
  });

  test('a megabyte on standard error does not hold the response up, and is logged whole', async () => {
    const { text, errors } = await call(cgiScript(join(scripts, 'loud.sh')));
    expect([text, errors.trimEnd() === 'e'.repeat(3_000_000)]).toEqual(['heard', true]);
  });

  test.each([
    [
      'split.sh',
      'it ended with exit status 127 without any output: nowhere-node may not be in its PATH, where its #! line looks for it; give it a PATH by the option env',
    ],
    ['bad-interpreter.sh', 'it did not start (ENOENT): the interpreter of its #! line, /nowhere/sh, does not exist'],
    [
      'crlf.sh',
      'it did not start (ENOENT): its #! line ends in CRLF, and there is no interpreter of that name; save it with LF as line end',
    ],
    ['plain.txt', 'it did not start (EACCES): it is not executable; run chmod +x on it'],
    ['nowhere.sh', 'it did not start (ENOENT): there is no such file'],
  ])('%s: the log says what to do', async (name, message) => {
    expect((await call(cgiScript(join(scripts, name)))).errors).toContain(`The CGI program ${join(scripts, name)} failed: ${message}`);
  });

  test('RFC 3875 #53: a program that is silent for too long is ended: 504, or a response that ends short', async () => {
    const stuck = await call(cgiScript(join(scripts, 'stuck.sh'), { timeout: 100 }));
    expect(stuck).toMatchObject({ status: '504 Gateway Timeout', errors: expect.stringContaining('it was silent for 100 ms') });
    const silent = await call(cgiScript(join(scripts, 'silent.sh'), { timeout: 1000 }));
    expect(silent).toMatchObject({ status: '200 OK', text: 'begun', complete: false });
  });

  test('a program behind a slow reader is not silent', async () => {
    const application = cgiScript(join(scripts, 'first.sh'), { timeout: 1000 });
    let count = 0;
    for await (const block of blocksOf(application, emptyEnviron())) {
      if (count === 0) await sleep(1500);
      count += block.length;
    }
    expect(count).toBe(3_000_002);
  });

  test('children of a program end with it, even when they ignore SIGTERM', async () => {
    const socket = open(port, 'GET /family.sh HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    const pid = Number(await until(() => readFileSync(join(folder, 'family'), 'utf8')));
    expect(isRunning(pid)).toBe(true);
    socket.destroy();
    await until(() => !isRunning(pid));
  });

  test('a client that leaves ends the program', async () => {
    const socket = open(port, 'GET /endless.sh HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect(await until(() => readFileSync(join(folder, 'ended'), 'utf8'))).toBe('ended\n');
  });

  test('an upload that breaks off is an error of the request, and the host goes on', async () => {
    const socket = open(port, 'POST /hello.py HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc');
    await sleep(50);
    socket.destroy();
    expect((await ask(port, { path: '/hello-c' })).body).toBe('C\n');
    const broken = { ...emptyEnviron(), REQUEST_METHOD: 'POST', CONTENT_LENGTH: '10', 'wsgi.input': new Input({ read: () => 0 }, 10) };
    const body = blocksOf(cgiScript(join(scripts, 'stuck.sh')), broken);
    await expect(body.next()).rejects.toThrow('The request body ended after 0 of 10 bytes');
  });

  test('503 when no further process can be started', async () => {
    writeFileSync(
      join(folder, 'limited.mts'),
      `import { openSync } from 'node:fs';
       import { cgiScript } from ${JSON.stringify(join(root, 'src/host/index.ts'))};
       import { call } from ${JSON.stringify(join(root, 'src/testing/index.ts'))};
       try { for (;;) openSync('/dev/null', 'r'); } catch {}
       const { text, errors } = await call(cgiScript('/bin/true'));
       process.stdout.write(text + errors);`,
    );
    const limited = spawnSync(
      '/bin/sh',
      ['-c', `ulimit -n 256; exec "${process.execPath}" --import tsx "$0"`, join(folder, 'limited.mts')],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    expect(limited.stdout).toMatch(/^503 Service Unavailable\n/);
  });
});

/** What a gateway does with an application's body. */
async function* blocksOf(application: ApplicationFunction, environ: Environ): AsyncGenerator<Block, void> {
  const body = await application(environ, () => () => {});
  try {
    yield* body as AsyncIterable<Block>;
  } finally {
    await (body as Closable).close?.();
  }
}

function emptyEnviron(): Environ {
  const environ = {};
  setupTestingDefaults(environ);
  return environ;
}

test('scripts/demo shows a script through a pipe and under the server', async () => {
  const child = spawn(process.execPath, ['scripts/demo-server.mjs', '--once'], { cwd: root, env: { PATH: process.env.PATH } });
  let printed = '';
  child.stdout.on('data', (text: Buffer) => {
    printed += text;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  expect(printed).toMatch(/http:\/\/127\.0\.0\.1:\d+\/cgi-bin\/environ\.cgi\n/);
  expect(printed).toMatch(/GET http:\/\/127\.0\.0\.1:\d+\/cgi-bin\/hello\.cgi answered 200: Hello, world!\n/);
});
