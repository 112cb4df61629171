// What still works when a Node lacks one of the undocumented parts that src/node-internals uses: everything, more slowly or with
// a word in the log.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { answer, Client, request, text } from '../fastcgi/client.ts';
import { until } from '../host/processes.ts';
import { WITHOUT } from './without.ts';

const command = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-fallbacks-'));
const file = (name: string) => join(folder, name);

const parts = Object.keys(WITHOUT) as (keyof typeof WITHOUT)[];
const environment = (part: keyof typeof WITHOUT) => ({
  PATH: process.env.PATH ?? '',
  NODE_OPTIONS: `--require ${file(`without-${part}.cjs`)}`,
});

const source = (word: string) => `
export default (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return '${word} ' + environ['wsgi.input'].read().length;
};`;

beforeAll(() => {
  for (const part of parts) writeFileSync(file(`without-${part}.cjs`), WITHOUT[part]);
  writeFileSync(file('app.mjs'), source('old'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Gateway {
  process: ChildProcess;
  client(): Client;
  said(): string;
}

const gateways: Gateway[] = [];
const clients: Client[] = [];

/** Serves app.mjs under a Node that lacks `part`, until the test is over. */
async function serve(part: keyof typeof WITHOUT, ...words: string[]): Promise<Gateway> {
  const socket = file(`${part}-${gateways.length}.sock`);
  const child = spawn(process.execPath, [command, 'fastcgi', 'app.mjs', '--socket', socket, ...words], {
    cwd: folder,
    env: environment(part),
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  const client = () => {
    const one = new Client(connect(socket));
    clients.push(one);
    return one;
  };
  const gateway = { process: child, client, said: () => said };
  gateways.push(gateway);
  await until(() => existsSync(socket));
  return gateway;
}

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  for (const { process: child } of gateways) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill();
    await once(child, 'exit');
  }
  writeFileSync(file('app.mjs'), source('old'));
});

describe.each(parts)('without what %s uses', (part) => {
  test('fastcgi --help works', () => {
    const help = execFileSync(process.execPath, [command, 'fastcgi', '--help'], { encoding: 'utf8', env: environment(part) });
    expect(help).toMatch(/^Usage: run-with-cgi fastcgi <app> \[options\]\n/);
  });

  test('FastCGI requests with large and small bodies are answered in turn, and the gateway ends', async () => {
    const gateway = await serve(part);
    const client = gateway.client();
    for (const size of [0, 200_000, 3]) {
      client.pieces.length = 0;
      // A record has at most 65,535 bytes.
      const body = 'b'.repeat(Math.min(size, 60_000));
      client.send(request(1, {}, body));
      await until(() => client.received.equals(answer(1, text(`old ${body.length}`))));
    }
    gateway.process.kill('SIGTERM');
    expect(await once(gateway.process, 'exit')).toEqual([0, null]);
    expect(gateway.said()).toBe('');
  });
});

test('without a socket that can be shared, one process serves and prints a message', async () => {
  const gateway = await serve('bound-socket', '--workers', '2');
  const client = gateway.client().send(request(1));
  expect(await client.ends()).toEqual(answer(1, text('old 0')));
  const { pid } = gateway.process;
  expect(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')).toBe('');
  expect(gateway.said()).toBe(
    `fastcgi: Node ${process.versions.node} lets no processes share a socket; this one serves alone, without --workers\n`,
  );
});

test('where connections cannot be passed, a replaced worker closes its idle ones, and new ones go to the next worker', async () => {
  const gateway = await serve('connection-passing', '--workers', '1');
  const kept = gateway.client().send(request(1));
  expect(await kept.ends()).toEqual(answer(1, text('old 0')));
  writeFileSync(file('app.mjs'), source('new'));
  gateway.process.kill('SIGHUP');
  // Nothing is broken off: the connection ends after its last answer.
  expect(await kept.end()).toEqual(answer(1, text('old 0')));
  const next = gateway.client().send(request(1));
  expect(await next.ends()).toEqual(answer(1, text('new 0')));
  expect(gateway.said()).toBe('');
});

test('where listen() cannot be held up, a program that listens is still an application', () => {
  writeFileSync(
    file('listens.mjs'),
    `import { createServer } from 'node:http';
    createServer((request, response) => response.end('listens')).listen({ port: 0, host: '127.0.0.1' });`,
  );
  const output = execFileSync(process.execPath, [command, 'request', 'listens.mjs', '/'], {
    cwd: folder,
    encoding: 'utf8',
    env: environment('listen-without-port'),
  });
  expect(output).toBe('listens');
});

test('where a response needs a connection, a listener gets one in memory', () => {
  writeFileSync(
    file('listener.mjs'),
    `export default async (request, response) => {
      const { method, url, originalUrl, httpVersion, socket } = request;
      let body = '';
      for await (const block of request) body += block;
      response.writeHead(201, 'Made', { 'X-Facts': [method, url, originalUrl, httpVersion, socket.remoteAddress].join() });
      response.write(body);
      response.end('!');
    };`,
  );
  const words = ['listener.mjs', '/path?query', '--interface', 'node', '-i', '-d', 'b'.repeat(100_000)];
  const output = execFileSync(process.execPath, [command, 'request', ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: environment('unconnected-response'),
  });
  expect(output).toBe(`HTTP/1.1 201 Made\r\nX-Facts: POST,/path?query,,1.1,127.0.0.1\r\n\r\n${'b'.repeat(100_000)}!`);
});

test('where a response needs a connection, what a listener throws is a 500 with its cause in the log, and nothing waits', () => {
  for (const [body, cause] of [
    ["throw new Error('on purpose')", 'Error: on purpose'],
    ['response.destroy()', '[response-destroyed] '],
    ['response.socket.destroy()', '[response-destroyed] '],
  ]) {
    writeFileSync(file('fails.mjs'), `export default async (request, response) => { ${body}; };`);
    const { stdout, stderr } = spawnSync(process.execPath, [command, 'request', 'fails.mjs', '/', '--interface', 'node'], {
      cwd: folder,
      encoding: 'utf8',
      env: environment('unconnected-response'),
    });
    expect([stdout, stderr]).toEqual(['500 Internal Server Error\n', expect.stringContaining(`request: ${cause}`)]);
  }
});

test('where lookups of hosts cannot be seen, a Fastify application that listens on localhost opens no port', () => {
  writeFileSync(
    file('captures.mjs'),
    `import { connect } from 'node:net';
    import fastify from '${createRequire(import.meta.url).resolve('fastify')}';
    import { captureListen } from '${fileURLToPath(new URL('../../dist/node/index.js', import.meta.url))}';
    setTimeout(() => {}, 1000);
    const server = await captureListen(() => void fastify().listen({ port: 4571, host: 'localhost' }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    connect(4571, 'localhost').on('error', ({ code }) => console.log(server.listening, code)).on('connect', () => process.exit(1));`,
  );
  const output = execFileSync(process.execPath, [file('captures.mjs')], { encoding: 'utf8', env: environment('host-lookups') });
  expect(output).toBe('true ECONNREFUSED\n');
});

test('where the console keeps its stream, later output goes to the log, and not into the response', () => {
  writeFileSync(
    file('prints.mjs'),
    `#!/usr/bin/env node
    import { runWithCgi } from '${fileURLToPath(new URL('../../dist/index.js', import.meta.url))}';
    console.log('too early');
    runWithCgi((environ, startResponse) => {
      for (const name of ['log', 'info', 'debug']) console[name](name);
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return 'response';
    });`,
  );
  // A file cannot be opened anew for the response, so that descriptor 1 stays what it is.
  const stdout = openSync(file('stdout'), 'w');
  const stderr = openSync(file('stderr'), 'w');
  const env = { ...environment('console-streams'), REQUEST_METHOD: 'GET' };
  execFileSync(process.execPath, [file('prints.mjs')], { env, stdio: ['ignore', stdout, stderr] });
  expect(readFileSync(file('stdout'), 'utf8')).toBe(
    'too early\nStatus: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nresponse',
  );
  expect(readFileSync(file('stderr'), 'utf8')).toBe('log\ninfo\ndebug\n');
});
