import { once } from 'node:events';
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../servers/client.ts';
import { command, start, withFolder } from './command.ts';

const { folder, write } = withFolder({
  'app.mjs': `
    export const application = (environ, startResponse) => {
      console.log('printed');
      startResponse('200 OK', [['Content-Type', 'text/plain'], ['X-Seen', environ.HTTP_X_A ?? 'nothing']]);
      return [environ.REQUEST_METHOD, ' ', environ.PATH_INFO, ' ', environ['wsgi.input'].read()];
    };
    export const other = { inner: { call: (environ, startResponse) => (startResponse('200 OK', [['Content-Type', 'text/plain']]), 'inner') } };
    export const version = '1';`,
  'default.mjs': `export default class { constructor(environ, start) { start('200 OK', [['Content-Type', 'text/plain']]); } *[Symbol.iterator]() { yield 'class'; } }`,
  'module.cjs': `module.exports = (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'CommonJS'; };`,
  'plain.js': `exports.application = (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'plain'; };`,
  'late.mjs': `const text = await Promise.resolve('top-level await');
    export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return text; };`,
  'script.mjs': `import { runWithCgi } from 'run-with-cgi';
    runWithCgi((environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'a script ' + environ['app.name'] + environ['wsgi.input'].read(); }, { env: { 'app.name': 'x' }, maxBodySize: 3 });`,
  'waiting.mjs': `import { runWithCgi } from 'run-with-cgi';
    (async () => { await 1; await new Promise((resolve) => setTimeout(resolve, 50)); runWithCgi((environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'waited'; }); })();`,
  'failing.mjs': `export default (environ, start) => { start('404 Not Found', [['Content-Type', 'text/plain']]); return 'not here'; };`,
  'short.mjs': `export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return (function* () { yield 'half'; throw new Error('oh'); })(); };`,
  'binary.mjs': `export default (environ, start) => { start('200 OK', [['Content-Type', 'image/png']]); return Buffer.from([0, 255, 10, 13]); };`,
  'listener.mjs': 'export default (req, res) => res.end();',
  'timer.mjs': `setInterval(() => {}, 1000); export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'done'; };`,
  'wrong.mjs': `export default (environ, start) => { start('200 OK', []); return 'no type'; };`,
  'nothing.mjs': 'const a = 1;',
  'objects.mjs': `export default { port: 80 }; export const handler = () => {};`,
  'syntax.mjs': 'export default (',
  'throwing.mjs': `throw new Error('while loading');`,
  'a:b.mjs': `export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'colon'; };`,
  'printing.cjs': `const { spawnSync } = require('node:child_process'); const kept = process.stdout; const fs = require('node:fs');
    const print = (when) => { console.log('console ' + when); kept.write('stdout ' + when + '\\n'); fs.writeSync(1, 'descriptor ' + when + '\\n'); spawnSync('echo', ['a child ' + when], { stdio: 'inherit' }); };
    print('at once');
    module.exports = (environ, start) => { print('later'); start('200 OK', [['Content-Type', 'text/plain']]); return 'the response'; };`,
  'endless.mjs': `export default function* (environ, start) { start('200 OK', [['Content-Type', 'text/plain']]); try { for (;;) yield 'y\\n'.repeat(1000); } finally { console.error('closed'); } }`,
  printing: '#!/bin/sh\nrun-with-cgi request printing.cjs 2>>log | cat; cat log >&2\n',
  enough: `#!/bin/bash\nrun-with-cgi request endless.mjs | head -3; echo \${PIPESTATUS[0]}\n`,
  'slow.mjs': `export const application = (environ, start) => {
      start('200 OK', [['Content-Type', 'text/plain']]);
      return { close() { console.error('closed'); }, async *[Symbol.asyncIterator]() { yield 'begun'; await new Promise((resolve) => setTimeout(resolve, 60_000)); } };
    };`,
  'exits.mjs': `export default () => process.exit(0);`,
  'never.mjs': `export default () => new Promise(() => {});`,
  'uncaught.mjs': `export default () => { setTimeout(() => { throw new Error('nobody catches this'); }); return new Promise((resolve) => setTimeout(resolve, 10_000)); };`,
  'hello.cgi': `#!/usr/bin/env run-with-cgi
import { basename } from 'node:path';
export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return basename(environ.PATH_INFO) + '\\n'; };`,
  'typed.cgi.ts': `#!/usr/bin/env run-with-cgi
export default (environ: any, start: any) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'typed'; };`,
  'printing.cgi': `#!/usr/bin/env run-with-cgi
console.log('by console'); process.stdout.write('by stdout\\n');
export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return '.'; };`,
  'broken.cgi': '#!/usr/bin/env run-with-cgi\nexport default (',
  serve: `#!/usr/bin/env run-with-cgi
export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return process.argv.length + ' words'; };`,
  'scripts/hello.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nshell $REQUEST_METHOD $PATH_INFO\\n"\n',
  'h3.mjs': `import { createApp, defineEventHandler } from 'h3'; export default createApp().use('/', defineEventHandler(() => 'x'));`,
  'handler.mjs': `import { defineEventHandler } from 'h3'; const handler = defineEventHandler(() => 'x'); export default handler;`,
  prints: '#!/usr/bin/node\n',
  'scripts/plain.cgi': '#!/bin/sh\n',
  'scripts/python.cgi': '#!/usr/bin/env -S A=1 python3 -u\n',
  'scripts/a.py': 'print("a")',
  'many.cjs': 'for (let i = 1; i <= 12; i++) exports["a" + i] = i;',
  'commonjs/package.json': '{ "type": "commonjs" }',
  'commonjs/app.js': 'export default (request) => new Response("x");',
  'commonjs/app.cjs': 'import "node:fs";',
  'unfinished.mjs': 'export default () => {\n',
  'empty/plain.txt': 'no program',
  'upload.bin': '\x00\xff',
});
const run = (words: string[], more: { stdin?: string | Buffer; env?: Record<string, string> } = {}) =>
  command(words, { cwd: folder, ...more });
const request = (...words: string[]) => run(['request', ...words]);

describe('the command', () => {
  test('says what it can do', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: run-with-cgi <command>/);
    expect((await run(['-h'])).stdout).toBe(stdout);
    expect(await run([])).toMatchObject({ code: 2, stdout });
  });

  test.each(['request', 'serve', 'validate'])('%s --help tells about it, whatever else is there', async (name) => {
    const { code, stdout } = await run([name, '--nonsense', '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: run-with-cgi ${name} `));
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(81);
  });

  test('says its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    for (const word of ['--version', '-V', '-v']) expect((await run([word])).stdout).toBe(`${version}\n`);
  });
});

beforeAll(() => {
  symlinkSync(new URL('../../node_modules/h3', import.meta.url), join(folder, 'node_modules/h3'));
  for (const name of ['plain.cgi', 'python.cgi']) chmodSync(join(folder, 'scripts', name), 0o644);
});

describe('an application is found', () => {
  test.each([
    ['app.mjs', 'GET / '],
    ['app.mjs:application', 'GET / '],
    ['app.mjs:other.inner', 'inner'],
    ['default.mjs', 'class'],
    ['module.cjs', 'CommonJS'],
    ['plain.js', 'plain'],
    ['./plain.js', 'plain'],
    ['late.mjs', 'top-level await'],
    ['script.mjs', 'a script x'],
    ['waiting.mjs', 'waited'],
    ['a:b.mjs', 'colon'],
    ['hello.cgi', '\n'],
    ['scripts/hello.sh', 'shell GET /\n'],
  ])('%s', async (target, body) => {
    expect(await request(target)).toMatchObject({ code: 0, stdout: body });
  });

  test.each<[string, string]>([
    ['nowhere.mjs', `There is no file ${folder}/nowhere.mjs [module-not-found]`],
    [
      'app.mjs:nothing',
      'app.mjs has no application named nothing; it exports application (the function application), other (an object of Object), version ("1"); name one, as in "app.js:application" [application-missing]',
    ],
    [
      'h3.mjs',
      'h3.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports default (an object of Object); of an application of h3, toWebHandler(app) makes one [application-not-exported]',
    ],
    [
      'handler.mjs',
      'handler.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports default (the function (anonymous)); of an application of h3, toWebHandler(app) makes one [application-not-exported]',
    ],
    [
      'prints',
      'prints exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports nothing; a CGI program is told by a name that ends in .cgi [application-not-exported]',
    ],
    [
      'scripts/plain.cgi',
      'scripts/plain.cgi is a program for sh that is not executable; make it so: chmod +x scripts/plain.cgi [program-not-executable]',
    ],
    [
      'scripts/python.cgi',
      'scripts/python.cgi is a program for python3 that is not executable; make it so: chmod +x scripts/python.cgi [program-not-executable]',
    ],
    ['app', `There is no file ${folder}/app; did you mean app.mjs? [module-not-found]`],
    ['scripts/helo.sh', `There is no file ${folder}/scripts/helo.sh; did you mean scripts/hello.sh? [module-not-found]`],
    [
      'scripts/a.py',
      'scripts/a.py is no module by its name (.js, .mjs, .cjs, .ts), and no program: it has no #! line, and is not executable [program-not-executable]',
    ],
    [
      'module.cjs:x',
      'module.cjs has no application named x; what it exports is an application itself, and needs no name [application-missing]',
    ],
    [
      'many.cjs',
      'many.cjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports a1 (1), a2 (2), a3 (3), a4 (4), a5 (5), a6 (6), a7 (7), a8 (8), a9 (9), a10 (10), 2 more [application-not-exported]',
    ],
    ['empty', 'The folder empty holds no executable file; make one with chmod +x [scripts-missing]'],
    ['app.mjs:version', 'app.mjs has no application named version; version is "1" [application-missing]'],
    [
      'nothing.mjs',
      'nothing.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports nothing [application-not-exported]',
    ],
    [
      'objects.mjs',
      'objects.mjs exports no application: it should have an export named application, a default export, or a call of runWithCgi(); it exports default (an object of Object), handler (the function handler); name one, as in "app.js:handler" [application-not-exported]',
    ],
  ])('%s is refused with a mend', async (target, message) => {
    expect(await request(target)).toEqual({ code: 2, stdout: '', stderr: `run-with-cgi: ${message}\n` });
  });

  test.each([
    ['syntax.mjs', 'SyntaxError'],
    ['throwing.mjs', 'Error: while loading'],
    ['unfinished.mjs', '/unfinished.mjs:2\n\nSyntaxError: Unexpected end of input'],
  ])('%s could not be loaded, and why', async (target, cause) => {
    const { code, stderr } = await request(target);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^run-with-cgi: ${target} could not be loaded \\[module-broken\\]\n`));
    expect(stderr).toContain(cause);
  });
});

test.each([
  ['commonjs/app.js', ', or set "type": "module" in package.json, which says "commonjs"'],
  ['commonjs/app.cjs', ''],
])('an ES module that Node takes for CommonJS: %s', async (target, more) => {
  expect((await request(target)).stderr).toContain(
    `run-with-cgi: ${target} could not be loaded: it is written as an ES module; end its name in .mjs${more} [module-broken]\n`,
  );
});

describe('mistakes on the command line', () => {
  test.each<[string[], string]>([
    [['requst', 'app.mjs'], 'There is no command requst; did you mean request? [command-unknown]'],
    [['frobnicate'], 'There is no command frobnicate; there are request, serve, validate, build, fastcgi, scgi [command-unknown]'],
    [['scripts/nowhere.cgi'], 'There is no file scripts/nowhere.cgi [module-not-found]'],
    [['request'], 'An application is missing; name a module, a CGI program or a folder of these [option-wrong]'],
    [['request', 'app.mjs', 'x'], 'A path begins with "/", got x; make it "/x" [path-wrong]'],
    [['request', '/', 'app.mjs'], 'The application comes first: request app.mjs / [option-wrong]'],
    [['request', 'app.mjs', '/a', 'b'], 'There is one path, and b is too much; put quotes around it [option-wrong]'],
    [['request', 'app.mjs', '--fial'], 'There is no option --fial; did you mean --fail? [option-wrong]'],
    [['request', 'app.mjs', '-z'], 'There is no option -z [option-wrong]'],
    [['request', 'app.mjs', '-H', 'X'], 'A header is written "Name: value", got "X" [header-malformed]'],
    [
      ['request', 'app.mjs', '-d', '@nowhere'],
      "The request body could not be read from nowhere: ENOENT: no such file or directory, open 'nowhere' [body-not-readable]",
    ],
    [['request', 'app.mjs', '-d', '@empty'], 'The request body could not be read from empty: it is a folder [body-not-readable]'],
    [['validate', 'app.mjs', 'x'], 'A path begins with "/", got x; make it "/x" [path-wrong]'],
    [['serve', 'app.mjs', 'b'], 'One application can be served, and b is too much [option-wrong]'],
    [['serve', 'app.mjs', '--port', 'x'], 'A port is a number up to 65535, got x [option-wrong]'],
    [['serve', 'empty'], 'The folder empty holds no executable file; make one with chmod +x [scripts-missing]'],
  ])('%j', async (words, message) => {
    expect(await run(words)).toEqual({ code: 2, stdout: '', stderr: `run-with-cgi: ${message}\n` });
  });

  test('a port that is taken, and an address of somebody else', async () => {
    const server: Server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = String(typeof address === 'object' && address?.port);
    expect((await run(['serve', 'app.mjs', '--port', port])).stderr).toBe(
      `run-with-cgi: Port ${port} is taken; --port 0 takes any that is free [address-in-use]\n`,
    );
    server.close();
    expect((await run(['serve', 'app.mjs', '--host', '192.0.2.1'])).stderr).toContain(
      'run-with-cgi: 192.0.2.1 is no address of this machine to listen on [address-not-allowed]',
    );
  });
});

describe('request', () => {
  test('-X, -H, -d, -i', async () => {
    const { stdout, stderr, code } = await request('app.mjs', '/a%20b?c', '-X', 'PUT', '-H', 'X-A: D\xfcrer', '-d', 'body', '-i');
    expect(stdout).toBe('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Seen: D\xc3\xbcrer\r\n\r\nPUT /a b body');
    expect([stderr, code]).toEqual(['printed\n', 0]);
  });

  test('-v shows what is sent and what comes, beside the body', async () => {
    const { stdout, stderr } = await request('app.mjs', '/x', '-v', '-d', 'a=b');
    expect(stdout).toBe('POST /x a=b');
    expect(stderr).toBe(
      [
        '> POST /x HTTP/1.1',
        '> Host: localhost',
        '> Content-Type: application/x-www-form-urlencoded',
        '>',
        'printed',
        '< HTTP/1.1 200 OK',
        '< Content-Type: text/plain',
        '< X-Seen: nothing',
        '<',
        '',
      ].join('\n'),
    );
  });

  test('-I is a HEAD', async () => {
    expect((await request('failing.mjs', '-I')).stdout).toBe(
      'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n',
    );
  });

  test('a body from a file or a pipe keeps its bytes, and a large one too', async () => {
    writeFileSync(join(folder, 'upload.bin'), Buffer.from([0, 255, 13, 10]));
    expect((await request('app.mjs', '/', '-d', '@upload.bin')).stdout).toBe('POST / \0\xff\r\n');
    expect((await run(['request', 'app.mjs', '-d', '@-'], { stdin: Buffer.from([0, 255]) })).stdout).toBe('POST / \0\xff');
    const large = Buffer.alloc(3_000_000, 'abc');
    expect((await run(['request', 'app.mjs', '-d', '@-'], { stdin: large })).stdout).toBe(`POST / ${large}`);
  });

  test('a path as one types it', async () => {
    expect((await request('app.mjs', '/ü b')).stdout).toBe('GET /\xc3\x83\xc2\xbc b ');
    expect((await request('app.mjs', 'https://example.org/x')).stdout).toBe('GET /x ');
  });

  test('--fail: status 22, and no body', async () => {
    expect(await request('failing.mjs', '--fail')).toEqual({
      code: 22,
      stdout: '',
      stderr: "run-with-cgi: the response's status is 404 Not Found\n",
    });
    expect(await request('failing.mjs')).toMatchObject({ code: 0, stdout: 'not here' });
    expect(await request('app.mjs', '-f')).toMatchObject({ code: 0, stdout: 'GET / ' });
  });

  test('a response that ends short: status 18', async () => {
    const { code, stdout, stderr } = await request('short.mjs');
    expect([code, stdout]).toEqual([18, 'half']);
    expect(stderr).toMatch(/^request: Error: oh\n[\s\S]*run-with-cgi: the response ended before it was complete\n$/);
  });

  test('what the script gives runWithCgi counts: its limit, and what it adds to environ', async () => {
    expect((await request('script.mjs', '-d', 'abc')).stdout).toBe('a script xabc');
    expect(await request('script.mjs', '-i', '-d', 'abcd')).toMatchObject({ stdout: expect.stringMatching(/^HTTP\/1.1 413 /) });
  });

  test('it ends, whatever the application has open', async () => {
    expect(await request('timer.mjs')).toMatchObject({ code: 0, stdout: 'done' });
  });

  test('what it prints, by any means, is no part of the response, whether at once or later', async () => {
    const { stdout, stderr } = await run(['./printing']);
    expect(stdout).toBe('the response');
    expect(stderr.split('\n').toSorted()).toEqual(
      ['', ...['console', 'stdout', 'descriptor', 'a child'].flatMap((way) => [`${way} at once`, `${way} later`])].toSorted(),
    );
  });

  test('a reader that has enough ends it quietly, and the application is closed', async () => {
    const { stdout, stderr } = await run(['./enough']);
    expect([stdout, stderr]).toEqual(['y\ny\ny\n23\n', 'closed\n']);
    for (const words of ['validate app.mjs', 'request --help', '--help']) {
      write('enough', `#!/bin/bash\nrun-with-cgi ${words} | head -c 1; echo \${PIPESTATUS[0]}\n`);
      expect((await run(['./enough'])).stderr.replaceAll('printed\n', '')).toBe('');
    }
  });

  test('a full disk is said, and by every command', async () => {
    for (const words of ['request app.mjs -s -S', '--help']) {
      write('enough', `#!/bin/sh\nrun-with-cgi ${words} >/dev/full; echo $?\n`);
      const { stdout, stderr } = await run(['./enough']);
      expect([words, stdout]).toEqual([words, '23\n']);
      expect(stderr.replace('printed\n', '')).toMatch(/^run-with-cgi: .*ENOSPC.*\n$/);
    }
  });

  test('-m: an application that takes too long is ended, and closed', async () => {
    expect(await request('slow.mjs', '-m', '0.2')).toEqual({
      code: 28,
      stdout: 'begun',
      stderr: 'run-with-cgi: there was no whole response after 0.2 s\nclosed\n',
    });
  });

  test('a signal closes the application', async () => {
    const child = start(['request', 'slow.mjs'], { cwd: folder });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    await once(child, 'close');
    expect([child.exitCode, stderr]).toEqual([130, 'closed\n']);
  });

  test.each([
    ['exits.mjs', 'exit() was called before the response was complete'],
    ['never.mjs', 'the event loop has nothing left to do'],
    ['uncaught.mjs', 'Error: nobody catches this'],
  ])('%s: a 500, and why', async (target, why) => {
    const { code, stdout, stderr } = await request(target, '-w', '%{http_code}');
    expect([target, code, stdout]).toEqual([target, target === 'exits.mjs' ? 1 : 0, expect.stringMatching(/500|^500 Internal/)]);
    expect(stderr).toContain(why);
  });

  const onTerminal = async (words: string, env = {}) => {
    const child = await run(['./terminal', words], { env });
    return child.stdout;
  };

  test('colours on a terminal, and only there; bytes that are no text not at all', async () => {
    write('terminal', '#!/bin/sh\nexec script -qec "run-with-cgi request $1" /dev/null\n');
    expect(await onTerminal('failing.mjs -i')).toContain(
      '\x1b[1mHTTP/1.1 404 Not Found\x1b[22m\r\r\n\x1b[36mContent-Type\x1b[39m: text/plain',
    );
    expect(await onTerminal('failing.mjs -i', { NO_COLOR: '1' })).toContain('HTTP/1.1 404 Not Found\r\r\nContent-Type: text/plain');
    expect(await onTerminal('binary.mjs')).toBe(
      'run-with-cgi: the body is binary, which a terminal does not take; send it to a file (-o FILE), or here all the same (-o -)\r\n',
    );
    expect((await request('binary.mjs')).stdout).toBe('\0\xff\n\r');
  });
});

describe('validate', () => {
  test('an application without fault', async () => {
    const { code, stdout, stderr } = await run(['validate', 'app.mjs', '/', '/a?b']);
    expect([code, stderr]).toEqual([0, 'printed\n'.repeat(14)]);
    expect(stdout).toMatch(/^application of app\.mjs:\n {2}ok {2}\/: GET: 200 OK\n/);
    expect(stdout).toMatch(/ok {2}\/a\?b: POST of 2 MB: 200 OK\n[\s\S]*No rule was broken\.\n$/);
  });

  test('one that breaks a rule', async () => {
    const { code, stdout } = await run(['validate', 'wrong.mjs']);
    expect(code).toBe(1);
    expect(stdout).toContain(
      "  not ok  /: GET: 200 OK\n          A response with a body must have a Content-Type (application's duty, SPEC.md content-type-missing)\n",
    );
    expect(stdout).toMatch(/\n\d of these requests went wrong\.\n$/);
  });

  test('one that fails', async () => {
    const { code, stdout } = await run(['validate', 'short.mjs']);
    expect(code).toBe(1);
    expect(stdout).toContain('          test: Error: oh\n');
  });
});

describe('#!/usr/bin/env run-with-cgi', () => {
  const cgi = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/hello.cgi', PATH_INFO: '/world' };

  test('makes a module a CGI script', async () => {
    expect(await run(['./hello.cgi'], { env: cgi })).toEqual({
      code: 0,
      stdout: 'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nworld\n',
      stderr: '',
    });
  });

  test('what it prints while it is loaded is no part of the response', async () => {
    const { stdout, stderr } = await run(['./printing.cgi'], { env: cgi });
    expect(stdout).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n.');
    expect(stderr).toBe('by console\nby stdout\n');
  });

  test('which can be tried out in a shell', async () => {
    expect((await run(['./hello.cgi'])).stdout).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n\n');
  });

  test('RFC 3875 #14, CVE-2012-1823: words of the query are nothing to it, not even for a script with the name of a command', async () => {
    expect((await run(['./hello.cgi', '--help'], { env: cgi })).stdout).toContain('\r\n\r\nworld\n');
    expect((await run(['./serve', '--port', '80'], { env: cgi })).stdout).toContain('5 words');
    expect((await run(['serve', '--port', '80'], { env: cgi })).stdout).toContain('5 words');
  });

  test('a module that cannot be loaded is a 500, and the log says why', async () => {
    const { stdout, stderr, code } = await run(['./broken.cgi'], { env: cgi });
    expect(stdout).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(stderr).toMatch(/could not be loaded[\s\S]*SyntaxError/);
    expect(code).toBe(1);
  });

  test('a script that calls runWithCgi() itself runs as it would alone', async () => {
    expect((await run(['script.mjs'], { env: { ...cgi, CONTENT_LENGTH: '3', REQUEST_METHOD: 'POST' }, stdin: 'abc' })).stdout).toContain(
      'a script xabc',
    );
  });
});

describe('serve', () => {
  const serving = async (words: string[]) => {
    const child = start(['serve', ...words, '--port', '0'], { cwd: folder });
    let stderr = '';
    let stdout = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    while (!/:\d+\//.test(stdout)) {
      if (child.exitCode !== null) throw new Error(stderr);
      await sleep(20);
    }
    return { child, port: Number(/:(\d+)\//.exec(stdout)?.[1]), said: () => stdout, log: () => stderr };
  };
  const stopped = async (child: ReturnType<typeof start>, signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  };

  test('an application, until it is told to stop', async () => {
    const { child, port, said } = await serving(['app.mjs']);
    expect(said()).toBe(`Serving application of app.mjs at http://127.0.0.1:${port}/\nCtrl-C ends it.\n`);
    expect(await ask(port, { path: '/a', method: 'POST', body: 'x' })).toMatchObject({ status: 200, body: 'POST /a x' });
    expect(await stopped(child, 'SIGINT')).toBe(0);
  });

  test('a listener, at a port of its short name', async () => {
    const child = start(['serve', 'listener.mjs', '-p', '0'], { cwd: folder });
    const [said] = await once(child.stdout, 'data');
    expect(String(said)).toMatch(/^Serving the default export of listener\.mjs, a Node listener, at http:\/\/127\.0\.0\.1:\d+\/\n/);
    expect(await stopped(child)).toBe(0);
  });

  test('a folder of CGI programs', async () => {
    const { child, port, said } = await serving(['scripts']);
    expect(said()).toContain(`Serving the folder scripts at http://127.0.0.1:${port}/cgi-bin/\n`);
    expect((await ask(port, { path: '/cgi-bin/hello.sh/x' })).body).toBe('shell GET /x\n');
    expect((await ask(port, { path: '/' })).status).toBe(404);
    expect(await stopped(child)).toBe(0);
  });

  test('--cgi: a process for each request', async () => {
    const { child, port } = await serving(['app.mjs', '--cgi']);
    expect((await ask(port, { path: '/a', method: 'POST', body: 'x' })).body).toBe('POST /a x');
    expect(await stopped(child)).toBe(0);
  });

  test('--watch: a change is seen', async () => {
    write(
      'changing.mjs',
      `import { text } from './text.mjs'; export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return text; };`,
    );
    write('text.mjs', `export const text = 'before';`);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    server.close();
    const child = start(['serve', 'changing.mjs', '--watch', '--port', String(port)], { cwd: folder });
    const answer = async (expected: string) => {
      for (let tries = 0; ; tries++) {
        const body = await ask(port, {}).then(
          ({ body }) => body,
          () => '',
        );
        if (body === expected) return;
        if (tries === 200) throw new Error(`got ${body} in place of ${expected}`);
        await sleep(50);
      }
    };
    await answer('before');
    write('text.mjs', `export const text = 'after';`);
    await answer('after');
    await stopped(child);
  });
});
