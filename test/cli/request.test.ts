// run-with-cgi request: one request, its response on standard output, and an exit status that tells what went wrong.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { command, ECHO, start, withFolder } from './command.ts';

const { folder, write } = withFolder({
  'app.mjs': ECHO,
  'script.mjs': `import { runWithCgi } from 'run-with-cgi';
    runWithCgi((environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'a script ' + environ['app.name'] + environ['wsgi.input'].read(); }, { env: { 'app.name': 'x' }, maxBodySize: 3 });`,
  'failing.mjs': `export default (environ, start) => { start('404 Not Found', [['Content-Type', 'text/plain']]); return 'not here'; };`,
  'short.mjs': `export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return (function* () { yield 'half'; throw new Error('oh'); })(); };`,
  'binary.mjs': `export default (environ, start) => { start('200 OK', [['Content-Type', 'image/png']]); return Buffer.from([0, 255, 10, 13]); };`,
  'timer.mjs': `setInterval(() => {}, 1000); export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'done'; };`,
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
  'upload.bin': '\x00\xff',
});
const run = (args: string[], more: { stdin?: string | Buffer; env?: Record<string, string> } = {}) =>
  command(args, { cwd: folder, ...more });
const request = (...args: string[]) => run(['request', ...args]);

test('-X, -H, -d, -i', async () => {
  const { stdout, stderr, code } = await request('app.mjs', '/a%20b?c', '-X', 'PUT', '-H', 'X-A: D\xfcrer', '-d', 'body', '-i');
  expect(stdout).toBe('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Seen: D\xc3\xbcrer\r\n\r\nPUT /a b body');
  expect([stderr, code]).toEqual(['printed\n', 0]);
});

test('-v shows the heads of the request and of the response, and the body', async () => {
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

test('-I sends a HEAD request', async () => {
  expect((await request('failing.mjs', '-I')).stdout).toBe(
    'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n',
  );
});

test('a body from a file or a pipe keeps its bytes, a large one too', async () => {
  writeFileSync(join(folder, 'upload.bin'), Buffer.from([0, 255, 13, 10]));
  expect((await request('app.mjs', '/', '-d', '@upload.bin')).stdout).toBe('POST / \0\xff\r\n');
  expect((await run(['request', 'app.mjs', '-d', '@-'], { stdin: Buffer.from([0, 255]) })).stdout).toBe('POST / \0\xff');
  const large = Buffer.alloc(3_000_000, 'abc');
  expect((await run(['request', 'app.mjs', '-d', '@-'], { stdin: large })).stdout).toBe(`POST / ${large}`);
});

test('a path is encoded as a browser encodes a typed address', async () => {
  expect((await request('app.mjs', '/ü b')).stdout).toBe('GET /\xc3\x83\xc2\xbc b ');
  expect((await request('app.mjs', 'https://example.org/x')).stdout).toBe('GET /x ');
});

test('--fail: exit status 22, and no body', async () => {
  expect(await request('failing.mjs', '--fail')).toEqual({
    code: 22,
    stdout: '',
    stderr: "run-with-cgi: the response's status is 404 Not Found\n",
  });
  expect(await request('failing.mjs')).toMatchObject({ code: 0, stdout: 'not here' });
  expect(await request('app.mjs', '-f')).toMatchObject({ code: 0, stdout: 'GET / ' });
});

test('a response that ends early: exit status 18', async () => {
  const { code, stdout, stderr } = await request('short.mjs');
  expect([code, stdout]).toEqual([18, 'half']);
  expect(stderr).toMatch(/^request: Error: oh\n[\s\S]*run-with-cgi: the response ended before it was complete\n$/);
});

test('the options that a script gives to runWithCgi() apply: maxBodySize and environ', async () => {
  expect((await request('script.mjs', '-d', 'abc')).stdout).toBe('a script xabc');
  expect((await request('script.mjs', '-d', 'abcd', '-o', '/dev/null', '-w', '%{http_code}')).stdout).toBe('413');
});

test('the command ends although the application has timers', async () => {
  expect(await request('timer.mjs')).toMatchObject({ code: 0, stdout: 'done' });
});

test('what the application prints, by any means, goes to standard error, at once or later', async () => {
  const { stdout, stderr } = await run(['./printing']);
  expect(stdout).toBe('the response');
  expect(stderr.split('\n').toSorted()).toEqual(
    ['', ...['console', 'stdout', 'descriptor', 'a child'].flatMap((way) => [`${way} at once`, `${way} later`])].toSorted(),
  );
});

test('a reader that closes the pipe ends the command without a message, and close() runs', async () => {
  const { stdout, stderr } = await run(['./enough']);
  expect([stdout, stderr]).toEqual(['y\ny\ny\n23\n', 'closed\n']);
  for (const args of ['validate app.mjs', 'request --help', '--help']) {
    write('enough', `#!/bin/bash\nrun-with-cgi ${args} | head -c 1; echo \${PIPESTATUS[0]}\n`);
    expect((await run(['./enough'])).stderr.replaceAll('printed\n', '')).toBe('');
  }
});

test('every command reports a full disk', async () => {
  for (const args of ['request app.mjs -s -S', '--help']) {
    write('enough', `#!/bin/sh\nrun-with-cgi ${args} >/dev/full; echo $?\n`);
    const { stdout, stderr } = await run(['./enough']);
    expect([args, stdout]).toEqual([args, '23\n']);
    expect(stderr.replace('printed\n', '')).toMatch(/^run-with-cgi: .*ENOSPC.*\n$/);
  }
});

test('-m: an application that takes too long is interrupted, and close() runs', async () => {
  expect(await request('slow.mjs', '-m', '0.2')).toEqual({
    code: 28,
    stdout: 'begun',
    stderr: 'run-with-cgi: the response was not complete after 0.2 s\nclosed\n',
  });
});

test('after a signal close() runs', async () => {
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
])('%s: the response is a 500, and the log says why', async (target, why) => {
  const { code, stdout, stderr } = await request(target, '-i');
  const head = 'HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n';
  expect([code, stdout]).toEqual([target === 'exits.mjs' ? 1 : 0, `${head}500 Internal Server Error\n`]);
  expect(stderr).toContain(why);
});

const onTerminal = async (args: string, env = {}) => (await run(['./terminal', args], { env })).stdout;

test('a terminal gets colours and no binary body', async () => {
  write('terminal', '#!/bin/sh\nexec script -qec "run-with-cgi request $1" /dev/null\n');
  expect(await onTerminal('failing.mjs -i')).toContain(
    '\x1b[1mHTTP/1.1 404 Not Found\x1b[22m\r\r\n\x1b[36mContent-Type\x1b[39m: text/plain',
  );
  expect(await onTerminal('failing.mjs -i', { NO_COLOR: '1' })).toContain('HTTP/1.1 404 Not Found\r\r\nContent-Type: text/plain');
  expect(await onTerminal('binary.mjs')).toBe(
    'run-with-cgi: the body is binary, and a terminal cannot show it; write it to a file (-o FILE), or to the terminal all the same (-o -)\r\n',
  );
  expect((await request('binary.mjs')).stdout).toBe('\0\xff\n\r');
});
