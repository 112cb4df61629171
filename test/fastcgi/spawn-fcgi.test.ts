// A FastCGI program that spawn-fcgi starts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../host/processes.ts';
import { Client, request, stream, text } from './client.ts';

test('§2.2: by default a gateway listens on descriptor 0, as spawn-fcgi starts a program', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-fastcgi-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 's');
  const program = fileURLToPath(new URL('program.ts', import.meta.url));
  const options = ['-n', '-s', socket, '-M', '0600', '--', process.execPath, '--import', 'tsx', program];
  const child = spawn('/usr/bin/spawn-fcgi', options, { stdio: 'ignore' });
  await until(() => existsSync(socket));
  const client = new Client(connect(socket)).send(request(1));
  expect(stream(await client.ends(), 'STDOUT')).toBe(text(`${child.pid} /app`));
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
  await client.end();
});
