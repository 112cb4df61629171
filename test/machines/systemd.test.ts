// The units of docs/machines.md, as far as systemd checks and starts them without being process 1.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { freePort } from '../free-port.ts';
import { until } from '../host/processes.ts';
import { shown } from './page.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-systemd-'));
const file = (name: string) => join(folder, name);
const env = { PATH: process.env.PATH ?? '' };

beforeAll(async () => {
  chmodSync(folder, 0o755);
  copyFileSync(fileURLToPath(new URL('application.mjs', import.meta.url)), file('app.mjs'));
  await buildScript(file('app.mjs'), file('app.cgi'), { exportName: 'default' });
  writeFileSync(file('app.socket'), shown('app.socket'));
  writeFileSync(file('app.service'), shown('app.service').replace('/srv/app/app.cgi', file('app.cgi')));
  copyFileSync(file('app.socket'), file('app@.socket'));
  copyFileSync(file('app.service'), file('app@.service'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([[['app.socket', 'app.service']], [['app@1.socket', 'app@1.service', 'app@2.socket', 'app@2.service']]])(
  'systemd-analyze finds nothing wrong with %j',
  (units) => {
    const { stderr, status } = spawnSync('systemd-analyze', ['verify', '--man=no', ...units.map(file)], { env, encoding: 'utf8' });
    expect([stderr, status]).toEqual(['', 0]);
  },
);

test('systemd-analyze finds an error that was put in', () => {
  writeFileSync(file('wrong.service'), shown('app.service').replace('UMask', 'UMusk'));
  const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file('wrong.service')], { env, encoding: 'utf8' });
  expect(stderr).toContain("Unknown key 'UMusk' in section [Service], ignoring.");
});

test('the built file answers on its socket as an unprivileged user, and ends on SIGTERM', async () => {
  const port = await freePort();
  const words = ['-l', `127.0.0.1:${port}`, '-E', 'MACHINE=here', file('app.cgi')];
  const unprivileged = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
  const worker = spawn('setpriv', [...unprivileged, 'systemd-socket-activate', ...words], { env, stdio: ['ignore', 'inherit', 'pipe'] });
  try {
    let log = '';
    worker.stderr.on('data', (text) => {
      log += text;
    });
    await until(() => log.includes(`Listening on 127.0.0.1:${port}`));
    const variables = { REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: '/', QUERY_STRING: '2', SERVER_NAME: 'a', SERVER_PORT: '80' };
    const { stdout } = spawnSync('cgi-fcgi', ['-bind', '-connect', `127.0.0.1:${port}`], {
      env: { ...env, ...variables },
      encoding: 'utf8',
    });
    const [head = '', body] = stdout.split('\r\n\r\n');
    expect(head.split('\r\n').sort()).toEqual(['Content-Length: 4', 'Content-Type: text/plain', 'Status: 200 OK', 'X-Machine: here']);
    expect(body).toBe('2 2 ');
    const ended = once(worker, 'exit');
    worker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  } finally {
    worker.kill('SIGKILL');
  }
});
