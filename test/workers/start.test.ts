// How a gateway with workers starts: where it listens, and what is refused.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { areUp, ask, command, file, folder, refused, serve, source } from './gateway.ts';

describe('the place', () => {
  test('has the permissions of --mode from the beginning', async () => {
    const gateway = serve('--workers', '1', '--mode', '600');
    await areUp(gateway, 1);
    expect((statSync(gateway.place).mode & 0o777).toString(8)).toBe('600');
  });

  test('of another server is refused', async () => {
    const gateway = serve('--workers', '1');
    await areUp(gateway, 1);
    const second = spawn(process.execPath, [command, 'fastcgi', 'app.mjs', '--socket', gateway.place, '--workers', '2'], {
      cwd: folder,
      env: { PATH: process.env.PATH },
    });
    let said = '';
    second.stderr.on('data', (text) => {
      said += text;
    });
    expect(await once(second, 'close')).toEqual([2, null]);
    expect(said).toBe(`run-with-cgi: Another process listens on ${gateway.place} [address-in-use]\n`);
    expect(await ask(gateway)).toMatch(/^old \d+$/);
  });

  test('a port of another server is refused', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = String(typeof address === 'object' && address !== null ? address.port : 0);
    expect(await refused('--port', port, '--workers', '2')).toBe(`Another process listens on ${port} [address-in-use]`);
    other.close();
  });
});

describe('mistakes', () => {
  test.each([
    [['--workers', '0'], '--workers must be a number of at least 1, got 0 [option-wrong]'],
    [['--workers', 'two'], '--workers must be a number of at least 1, got two [option-wrong]'],
    [['--max-requests', '0'], '--max-requests must be a number of at least 1, got 0 [option-wrong]'],
    [['--port', '70000'], '--port must be a number from 0 to 65535, got 70000 [option-wrong]'],
    [['--socket', 'a', '--mode', '690'], '--mode must be permissions in octal digits, like 660, got 690 [option-wrong]'],
    [['--socket', 'a', '--host', '::1'], '--host needs --port, too [option-wrong]'],
    [['--port', '1', '--mode', '600'], '--mode needs --socket, too [option-wrong]'],
    [['--worker', '2'], 'There is no option --worker; did you mean --workers? [option-wrong]'],
    [['--workers', '2'], 'Descriptor 0 is not a listening socket; give --socket or --port [option-wrong]'],
    [['--socket', '/nowhere/a', '--workers', '2'], 'bind EACCES /nowhere/a [address-not-allowed]'],
  ])('%j: %s', async (words, message) => {
    writeFileSync(file('app.mjs'), source('old'));
    expect(await refused('app.mjs', ...words)).toBe(message);
  });

  test('an application that is broken is reported once', async () => {
    writeFileSync(file('app.mjs'), 'this is no JavaScript');
    const said = await refused('app.mjs', '--socket', file('broken.sock'), '--workers', '3');
    expect(said.match(/\[module-broken\]/g)).toHaveLength(1);
    expect(existsSync(file('broken.sock'))).toBe(false);
  });
});
