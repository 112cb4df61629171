// Where a FastCGI gateway listens, and who may connect.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { serveFastCgi } from '../../src/fastcgi/index.ts';
import { takeHandle } from '../../src/node-internals/connection-passing.ts';
import type { ResidentServer } from '../../src/resident/server.ts';
import { until } from '../host/processes.ts';
import { hello } from './applications.ts';
import { answer, Client, request, serve, text } from './client.ts';

describe('listening', () => {
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), 'run-with-cgi-fastcgi-'));
    onTestFinished(() => rmSync(path, { recursive: true }));
    return path;
  };

  test('on a Unix socket is for owner and group, and close() removes the socket', async () => {
    const socket = join(folder(), 's');
    const serving = await serve(hello, { socket });
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    expect(await serving.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
    serving.server.close();
    await once(serving.server, 'close');
    expect(existsSync(socket)).toBe(false);
  });

  test('works with the longest possible path', async () => {
    const place = folder();
    const socket = join(place, 's'.repeat(106 - place.length));
    expect(await (await serve(hello, { socket })).client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });

  test('gives the socket the mode of the options', async () => {
    const socket = join(folder(), 's');
    await serve(hello, { socket, mode: 0o600 });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
  });

  /** Makes a socket as a killed process leaves it. */
  async function staleSocket(): Promise<string> {
    const socket = join(folder(), 's');
    // The server listened under another name of the file, and closing it removes only that name.
    const dead = createServer().listen(`${socket}.dead`);
    await once(dead, 'listening');
    linkSync(`${socket}.dead`, socket);
    dead.close();
    await once(dead, 'close');
    expect(existsSync(socket)).toBe(true);
    return socket;
  }

  test('replaces a socket on which nobody listens', async () => {
    const socket = await staleSocket();
    expect(await (await serve(hello, { socket })).client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });

  test('lets one of several processes replace a dead socket', async () => {
    const socket = await staleSocket();
    const spare = `${socket}.stale`;
    linkSync(socket, spare);
    const contenders = Array.from({ length: 4 }, () => contender(socket));
    await Promise.all(contenders.map(({ next }) => next()));
    for (let round = 0; round < 25; round++) {
      const said = await Promise.all(contenders.map(({ ask }) => ask('listen')));
      expect(said.sort()).toEqual(['EADDRINUSE', 'EADDRINUSE', 'EADDRINUSE', 'listening']);
      // Clients find the process that listens.
      const probe = connect(socket);
      await once(probe, 'connect');
      probe.destroy();
      await Promise.all(contenders.map(({ ask }) => ask('close')));
      expect(readdirSync(dirname(socket))).toEqual([basename(spare)]);
      linkSync(spare, socket);
    }
  });

  function contender(socket: string) {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('../resident/contender.ts', import.meta.url)), socket],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value;
    const ask = (line: string) => {
      child.stdin.write(`${line}\n`);
      return next();
    };
    return { next, ask };
  }

  test('close() leaves a file that has replaced its socket', async () => {
    const socket = join(folder(), 's');
    const first = await serve(hello, { socket });
    rmSync(socket);
    const second = await serve(hello, { socket });
    first.server.close();
    await once(first.server, 'close');
    expect(await second.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });

  test('lets one of two servers replace a dead socket', async () => {
    const socket = await staleSocket();
    const events: unknown[] = [];
    const servers = [serveFastCgi(hello, { socket }), serveFastCgi(hello, { socket })];
    for (const server of servers) server.on('listening', () => events.push('listening')).on('error', (error) => events.push(error));
    await until(() => events.length === 2);
    expect(events).toEqual(['listening', expect.objectContaining({ code: 'EADDRINUSE' })]);
    expect(await new Client(connect(socket)).send(request(1, {}, '', 0)).ends()).toEqual(answer(1, text('hello')));
    for (const server of servers) server.close();
  });

  test('does not begin after close()', async () => {
    const socket = await staleSocket();
    const server = serveFastCgi(hello, { socket });
    server.close();
    await sleep(50);
    expect(server.listening).toBe(false);
  });

  test('refuses the path of a live socket, and of a file', async () => {
    const socket = join(folder(), 's');
    await serve(hello, { socket });
    const [error] = await once(serveFastCgi(hello, { socket }), 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
    expect(existsSync(socket)).toBe(true);
    const file = join(folder(), 'f');
    writeFileSync(file, 'precious');
    const [other] = await once(serveFastCgi(hello, { socket: file }), 'error');
    expect(other).toMatchObject({ code: 'EADDRINUSE' });
    expect(statSync(file).size).toBe(8);
  });

  test('on two addresses is refused', () => {
    expect(() => serveFastCgi(hello, { port: 0, fd: 0 })).toThrow('A gateway listens on one of socket, port and fd, got 2 of them');
  });

  test('closes connections above maxConnections', async () => {
    const serving = await serve(hello, { maxConnections: 1 });
    const first = serving.client();
    await first.send(request(1)).ends();
    expect(await serving.client().send(request(1)).end()).toEqual(Buffer.alloc(0));
    await first.send(request(1)).ends(2);
  });

  test('accepts a connection that another process hands over, even above maxConnections, and then no further one', async () => {
    const serving = await serve(hello, { maxConnections: 1 });
    await serving.client().send(request(1)).ends();
    const other = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const kept = new Client(connect(port, '127.0.0.1')).send(request(1));
    const [socket] = await once(other, 'connection');
    const handle = takeHandle(socket);
    expect(handle && (serving.server as ResidentServer).adopt(handle)).toBe(true);
    expect(await kept.ends()).toEqual(answer(1, text('hello')));
    expect(await serving.client().send(request(1)).end()).toEqual(Buffer.alloc(0));
    kept.socket.destroy();
  });

  test('§3.2: takes connections from the addresses in FCGI_WEB_SERVER_ADDRS only', async () => {
    vi.stubEnv('FCGI_WEB_SERVER_ADDRS', '192.0.2.1,127.0.0.1');
    expect(await (await serve(hello)).client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
    vi.stubEnv('FCGI_WEB_SERVER_ADDRS', '192.0.2.1');
    const serving = await serve(hello);
    const socket = join(folder(), 's');
    const local = await serve(hello, { socket });
    vi.unstubAllEnvs();
    expect(await serving.client().send(request(1)).end()).toEqual(Buffer.alloc(0));
    expect(serving.errors).toBe('fastcgi: 127.0.0.1 is not in FCGI_WEB_SERVER_ADDRS; the connection is closed\n');
    expect(await local.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });
});
