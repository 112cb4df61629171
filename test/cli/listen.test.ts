// Programs that listen on a port: the command finds their application, and no port is opened, whichever module listens, and
// however late.

import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../servers/client.ts';
import { command, start, withFolder } from './command.ts';

/** A port that is in use: a program that opens it fails with EADDRINUSE. It lies below the ports that the system gives to clients. */
const PORT = 20_000 + (process.pid % 10_000);
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

const { folder } = withFolder({
  'server.cjs': `require('node:http').createServer((req, res) => res.end('server.cjs ' + req.url)).listen(${PORT});`,
  'index.cjs': `require('./server.cjs');`,
  'serve.mjs': `import { serve } from '@hono/node-server'; import { Hono } from 'hono';
    const app = new Hono(); app.get('/a', (c) => c.text('Hono')); serve({ fetch: app.fetch, port: ${PORT} }, (info) => console.log('port', info.port));`,
  'exporting.mjs': `import { serve } from '@hono/node-server'; import { Hono } from 'hono';
    const app = new Hono(); app.get('/a', (c) => c.text('exported')); serve({ fetch: app.fetch, port: ${PORT} }); export default app;`,
  'late.mjs': `import { createServer } from 'node:http';
    export default (req, res) => { res.write('early'); setTimeout(() => res.end(), 300); };
    setTimeout(() => createServer(() => {}).listen(${PORT}), 100);`,
  'callback.mjs': `import { createServer } from 'node:http';
    const server = createServer((req, res) => res.end('callback'));
    server.on('listening', () => console.log('listening', server.listening));
    server.listen(${PORT}, () => console.log(JSON.stringify(server.address())));`,
  'host.mjs': `import { createServer } from 'node:http';
    const server = createServer((req, res) => res.end('host')).listen({ port: ${PORT}, host: '127.0.0.1' }, () => console.log(JSON.stringify(server.address())));`,
  'path.mjs': `import { createServer } from 'node:http'; import { existsSync } from 'node:fs';
    const server = createServer((req, res) => res.end('path')).listen('here.sock', () => console.log(server.address(), existsSync('here.sock')));`,
  'any.mjs': `import { createServer } from 'node:http';
    const server = createServer((req, res) => res.end('any')).listen(() => console.log(server.address().port > 0));`,
  'closing.mjs': `import { createServer } from 'node:http'; import { once } from 'node:events';
    const server = createServer((req, res) => res.end('closing'));
    await once(server.listen(${PORT}), 'listening');
    await new Promise((resolve) => server.close(resolve));
    console.log(server.listening);
    await once(server.listen(${PORT}), 'listening');`,
  'requests-later.mjs': `import { createServer } from 'node:http'; const server = createServer().listen(${PORT}); server.on('request', (req, res) => res.end('later'));`,
  'two.mjs': `import { createServer } from 'node:http'; import net from 'node:net';
    net.createServer().listen(${PORT}); createServer((req, res) => res.end('the one of HTTP')).listen(${PORT});`,
  'https.mjs': `import { createServer } from 'node:https'; createServer({}, (req, res) => res.end('https')).listen(${PORT});`,
  'http2.mjs': `import { createServer } from 'node:http2'; createServer((req, res) => res.end('http2')).listen(${PORT});`,
  'secure.mjs': `import { createSecureServer } from 'node:http2'; createSecureServer({ allowHTTP1: true }, (req, res) => res.end('secure')).listen(${PORT});`,
  'express.mjs': `import express from 'express'; express().get('/a', (req, res) => res.send('Express')).listen(${PORT}, (error) => console.log('error', error));`,
  'connect.cjs': `const app = require('connect')(); app.use((req, res) => res.end('Connect')); app.listen(${PORT});`,
  'koa.mjs': `import Koa from 'koa'; new Koa().use((context) => { context.body = 'Koa'; }).listen(${PORT});`,
  'fastify.mjs': `import fastify from 'fastify'; const app = fastify(); app.get('/a', async () => 'Fastify'); await app.listen({ port: ${PORT} });`,
  'database.mjs': `import { createServer } from 'node:http';
    async function main() { await new Promise((resolve) => setTimeout(resolve, 100)); createServer((req, res) => res.end('after the database')).listen(${PORT}); }
    main();`,
  www: `#!/usr/bin/env node
    const http = require('node:http'); const port = Number(process.env.PORT || '${PORT}'); const server = http.createServer((req, res) => res.end('www'));
    server.listen(port); server.on('error', (error) => { throw error; }); server.on('listening', () => console.log('on ' + server.address().port));`,
  'program.cgi': `#!/usr/bin/env node
    console.log('Content-Type: text/plain\\n\\na program');`,
  'exec.cgi': `#!/bin/sh
    sleep 60 & echo $! > sleeping; wait`,
  'script.cgi': `#!/usr/bin/env run-with-cgi
    import { createServer } from 'node:http';
    createServer((req, res) => res.end('a script')).listen(${PORT});`,
  'without.cgi': `#!/usr/bin/env run-with-cgi
    export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return String(process.moduleLoadList.includes('NativeModule net')); };`,
  'main.mjs': `import { createServer } from 'node:http'; import { basename } from 'node:path'; import { fileURLToPath } from 'node:url';
    console.log(JSON.stringify(process.argv.slice(1).map((word) => basename(word))));
    if (process.argv[1] === fileURLToPath(import.meta.url)) createServer((req, res) => res.end('main')).listen(${PORT});`,
  'cluster.cjs': `const cluster = require('node:cluster');
    if (cluster.isPrimary) for (let count = 0; count < 2; count++) cluster.fork();
    else require('node:http').createServer((req, res) => res.end('worker')).listen(${PORT});`,
  'arguments.mjs': `export const handler = async (...args) => {
      // as Astro does it
      const [req, res, next] = args; res.end('Astro ' + req.url); };`,
});

let sentinel: Server;
beforeAll(async () => {
  for (const name of ['@hono', 'hono', 'express', 'connect', 'koa', 'fastify']) {
    symlinkSync(join(packages, name), join(folder, 'node_modules', name));
  }
  sentinel = createServer((socket) => socket.end()).listen(PORT);
  await once(sentinel, 'listening');
});
afterAll(() => sentinel.close());

describe('a program that listens opens no port in request', () => {
  test.each([
    ['index.cjs', 'server.cjs /a', ''],
    ['serve.mjs', 'Hono', `port ${PORT}\n`],
    ['exporting.mjs', 'exported', ''],
    ['late.mjs', 'early', ''],
    ['callback.mjs', 'callback', `listening true\n{"address":"::","family":"IPv6","port":${PORT}}\n`],
    ['host.mjs', 'host', `{"address":"127.0.0.1","family":"IPv4","port":${PORT}}\n`],
    ['path.mjs', 'path', 'here.sock false\n'],
    ['any.mjs', 'any', 'true\n'],
    ['closing.mjs', 'closing', 'false\n'],
    ['requests-later.mjs', 'later', ''],
    ['two.mjs', 'the one of HTTP', ''],
    ['https.mjs', 'https', ''],
    ['http2.mjs', 'http2', ''],
    ['secure.mjs', 'secure', ''],
    ['express.mjs', 'Express', 'error undefined\n'],
    ['connect.cjs', 'Connect', ''],
    ['koa.mjs', 'Koa', ''],
    ['fastify.mjs', 'Fastify', ''],
    ['database.mjs', 'after the database', ''],
    ['www', 'www', `on ${PORT}\n`],
    ['program.cgi', 'a program\n', ''],
    ['main.mjs', 'main', '["main.mjs"]\n'],
    ['arguments.mjs:handler', 'Astro /a', ''],
  ])('%s', async (target, stdout, stderr) => {
    expect(await command(['request', target, '/a'], { cwd: folder })).toEqual({ code: 0, stdout, stderr });
  });
});

test('no other command opens a port, either', async () => {
  for (const args of [
    ['validate', 'exporting.mjs'],
    ['validate', 'fastify.mjs'],
    ['build', 'exporting.mjs', '--trial-path', '/a'],
    ['build', 'index.cjs', '--trial-path', '/a'],
  ]) {
    const { code, stderr } = await command(args, { cwd: folder });
    expect([args, code, stderr]).toEqual([args, 0, '']);
  }
});

test.each(['exporting.cgi', 'index.cgi', 'script.cgi'])('no port is opened in a CGI request: %s', async (script) => {
  const env = { REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: '/a' };
  const { code, stdout, stderr } = await command([`./${script}`], { cwd: folder, env });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n(?:exported|server\.cjs \/a|a script)$/);
});

test('a script without a server does not load node:net', async () => {
  const { stdout } = await command(['./without.cgi'], { cwd: folder, env: { REQUEST_METHOD: 'GET' } });
  expect(stdout).toMatch(/\r\n\r\nfalse$/);
});

test.each([
  ['serve', 'late.mjs', '--port', '0'],
  ['serve', 'index.cjs', '--port', '0'],
  ['serve', 'www', '--port', '0', '--cgi'],
])('%s %s: the server opens only its own port', async (...args) => {
  const child = start(args, { cwd: folder });
  let stdout = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  while (!stdout.includes('Ctrl-C') && child.exitCode === null) await sleep(20);
  const port = Number(/:(\d+)\//.exec(stdout)?.[1]);
  expect((await ask(port, { path: '/a' })).body).toBe({ 'late.mjs': 'early', 'index.cjs': 'server.cjs /a', www: 'www' }[args[1] ?? '']);
  child.kill();
  await once(child, 'close');
  expect([child.exitCode, stderr]).toEqual([0, expect.stringMatching(/^(?:on \d+\n)*127\.0\.0\.1 - - .* "GET \/a HTTP\/1\.1" 200 .*\n$/)]);
});

test('a signal to request ends the program that it runs, and the children of that', async () => {
  const child = start(['request', 'exec.cgi'], { cwd: folder });
  while (!existsSync(join(folder, 'sleeping'))) await sleep(20);
  const id = Number(readFileSync(join(folder, 'sleeping'), 'utf8'));
  child.kill('SIGINT');
  await once(child, 'close');
  expect(child.exitCode).toBe(130);
  expect(() => process.kill(id, 0)).toThrow('ESRCH');
});

test('workers of node:cluster are not started', async () => {
  expect(await command(['request', 'cluster.cjs'], { cwd: folder })).toEqual({
    code: 2,
    stdout: '',
    stderr:
      'run-with-cgi: cluster.cjs starts its workers by node:cluster, and has no application itself; name the module that the workers run [application-not-exported]\n',
  });
});
