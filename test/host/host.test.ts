// CGI programs of any kind under the development server, over real sockets.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/script-file.ts';
import { parseHead } from '../../src/host/head.ts';
import { cgiBin, cgiScript } from '../../src/host/index.ts';
import { makeServer } from '../../src/server/index.ts';
import { run } from '../fakes.ts';
import { ask, header, open } from '../servers/client.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-host-'));
const scripts = join(folder, 'cgi-bin');
let server: Server;
let port: number;

const programs: Record<string, string> = {
  'env.sh': '#!/bin/sh\necho Content-Type: text/plain\necho\nenv | sort\n',
  'hello.pl': '#!/usr/bin/perl\nprint "Status: 201 Made\\r\\nX-A: 1\\r\\nX-A: 2\\r\\n\\r\\nperl\\n";\n',
  'hello.py': '#!/usr/bin/python3\nimport sys\nsys.stdout.write("Content-Type: text/plain\\n\\n" + sys.stdin.read())\n',
  'redirect.sh': '#!/bin/sh\nprintf "Location: /elsewhere\\n\\n"\n',
  'nph-whole.sh': '#!/bin/sh\nprintf "HTTP/1.1 202 Taken\\r\\nConnection: close\\r\\nX-A: b\\r\\n\\r\\nwhole"\n',
  'nothing.sh': '#!/bin/sh\necho said on stderr >&2\n',
  'garbage.sh': '#!/bin/sh\necho this is no head\necho\n',
  'half.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n"\n',
  'endless.sh': `#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\ntrap 'echo ended >${folder}/ended; exit' TERM PIPE\nwhile :; do echo xxxxxxxxxxxxxxx; sleep 0.01; done\n`,
  'slow.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nfor i in 1 2 3; do echo $i; sleep 0.2; done\n',
  'stuck.sh': '#!/bin/sh\nsleep 30\n',
  'bad-interpreter.sh': '#!/nowhere/sh\n',
  'plain.txt': 'not executable',
  '.hidden.sh': '#!/bin/sh\n',
};
const C = '#include <stdio.h>\nint main() { printf("Content-Type: text/plain\\n\\nC\\n"); return 0; }\n';

beforeAll(async () => {
  mkdirSync(scripts);
  for (const [name, source] of Object.entries(programs)) {
    writeFileSync(join(scripts, name), source);
    chmodSync(join(scripts, name), name === 'plain.txt' ? 0o644 : 0o755);
  }
  writeFileSync(join(folder, 'hello.c'), C);
  execFileSync('gcc', ['-o', join(scripts, 'hello-c'), join(folder, 'hello.c')]);
  writeFileSync(join(folder, 'outside.sh'), programs['env.sh'] ?? '');
  chmodSync(join(folder, 'outside.sh'), 0o755);
  symlinkSync('../outside.sh', join(scripts, 'link.sh'));
  const root = fileURLToPath(new URL('../../cgi-bin/', import.meta.url));
  for (const name of ['hello', 'echo', 'broken']) await buildScript(join(root, `${name}.ts`), join(scripts, `${name}.cgi`));
  server = makeServer('127.0.0.1', 0, cgiBin(scripts));
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(async () => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe('programs in any language', () => {
  test('RFC 3875 #40 to #44: get the whole environment of a request, and none of ours', async () => {
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
      SERVER_NAME: 'site.example',
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
    for (const name of ['HTTP_PROXY', 'HTTP_X_B', 'SECRET_OF_THE_SERVER', 'HTTP_CONTENT_TYPE']) expect(seen[name]).toBeUndefined();
    delete process.env.SECRET_OF_THE_SERVER;
  });

  test('answer: Perl, Python, C, and our own', async () => {
    const perl = await ask(port, { path: '/hello.pl' });
    expect([perl.status, perl.reason, header(perl, 'x-a'), perl.body]).toEqual([201, 'Made', ['1', '2'], 'perl\n']);
    expect((await ask(port, { method: 'POST', path: '/hello.py', body: 'said' })).body).toBe('said');
    expect((await ask(port, { path: '/hello-c' })).body).toBe('C\n');
    expect((await ask(port, { path: '/hello.cgi' })).body).toBe('Hello, world!\n');
  });

  test('RFC 3875 #48: a Location alone is a redirect', async () => {
    const answer = await ask(port, { path: '/redirect.sh' });
    expect([answer.status, header(answer, 'location')]).toEqual([302, ['/elsewhere']]);
  });

  test('RFC 3875 #49: a whole HTTP response is understood, without its connection headers', async () => {
    const answer = await ask(port, { path: '/nph-whole.sh' });
    expect([answer.status, answer.reason, header(answer, 'x-a'), answer.body]).toEqual([202, 'Taken', ['b'], 'whole']);
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

  test('blocks are seen as they are made', async () => {
    const { body, arrivals } = await ask(port, { path: '/slow.sh' });
    expect(body).toBe('1\n2\n3\n');
    expect(arrivals.at(-1)).toBeGreaterThan(250);
  });

  test('RFC 3875 #46: HEAD gets no body', async () => {
    expect(await ask(port, { method: 'HEAD', path: '/hello.cgi' })).toMatchObject({ status: 200, body: '' });
  });

  test('50 at once', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => ask(port, { path: '/hello-c' })));
    expect(new Set(all.map(({ body }) => body))).toEqual(new Set(['C\n']));
  });
});

describe('what goes wrong', () => {
  test.each(['nothing.sh', 'garbage.sh', 'half.sh', 'bad-interpreter.sh'])('%s gives no response: 502', async (name) => {
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
  ])('%s is refused with %d', async (path, status) => {
    expect((await ask(port, { path })).status).toBe(status);
  });

  test('what a program says on its standard error is logged', async () => {
    const { errors, output } = await run(cgiScript(join(scripts, 'nothing.sh')));
    expect(output).toMatch(/^Status: 502 Bad Gateway\r\n/);
    expect(errors).toContain('said on stderr\n');
    expect(errors).toContain('[script-failed] ApplicationError: The CGI program gave no response: it ended without any output');
  });

  test('RFC 3875 #53: one that takes too long is ended: 502', async () => {
    const { output, errors } = await run(cgiScript(join(scripts, 'stuck.sh'), { timeout: 100 }));
    expect(output).toMatch(/^Status: 502 /);
    expect(errors).toContain('it took too long');
  });

  test('a client that leaves ends the program', async () => {
    const socket = open(port, 'GET /endless.sh HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    for (let tries = 0; tries < 100; tries++) {
      try {
        expect(readFileSync(join(folder, 'ended'), 'utf8')).toBe('ended\n');
        return;
      } catch {
        await sleep(50);
      }
    }
    throw new Error('the program lives on');
  });

  test('an upload that breaks off, and a request that is none, harm nobody', async () => {
    const socket = open(port, 'POST /hello.py HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc');
    await sleep(50);
    socket.destroy();
    expect((await ask(port, { path: '/hello-c' })).body).toBe('C\n');
  });
});

describe('parseHead()', () => {
  test.each([
    ['Status: 200 OK\n\n', '200 OK'],
    ['Status: 404\r\n\r\n', '404 Not Found'],
    ['Status: 799\n\n', '799 Unknown'],
    ['X: y\n\n', '200 OK'],
    ['HTTP/1.0 204 No Content\r\n\r\n', '204 No Content'],
  ])('%j has the status %s', (output, status) => {
    expect(parseHead(Buffer.from(output))?.status).toBe(status);
  });

  test('waits for the end of a head, byte by byte, and leaves the body', () => {
    const whole = Buffer.from('A: b\r\nC:  d \r\n\r\nbody\n\n');
    for (let end = 0; end < 16; end++) expect(parseHead(whole.subarray(0, end))).toBeUndefined();
    expect(parseHead(whole)).toEqual({
      status: '200 OK',
      headers: [
        ['A', 'b'],
        ['C', 'd'],
      ],
      body: Buffer.from('body\n\n'),
    });
  });

  test.each<[string, string]>([
    ['\n', 'its head is empty'],
    ['no colon\n\n', 'its head has the line "no colon"'],
    [' : x\n\n', 'its head has the line " : x"'],
    ['x'.repeat(70_000), 'its head is longer than 65536 bytes'],
  ])('%j is none', (output, message) => {
    expect(() => parseHead(Buffer.from(output))).toThrow(message);
  });
});

test('scripts/demo shows a script through a pipe and under the server', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
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
