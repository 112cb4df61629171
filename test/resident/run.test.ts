// One built file, started in every way that there is: by a web server for a request, by spawn-fcgi, by systemd, by hand.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { request } from '../fastcgi/client.ts';
import { freePort } from '../free-port.ts';
import { until } from '../host/processes.ts';

const command = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-resident-'));
const file = (name: string) => join(folder, name);
const running: ChildProcess[] = [];

/** Exists when a request for /slow has begun. */
const begun = file('begun');

const SOURCE = (text: string) => `
import { writeFileSync } from 'node:fs';
let count = 0;
export default async (environ, startResponse) => {
  count++;
  if (environ.PATH_INFO === '/crash') process.exit(9);
  if (environ.PATH_INFO === '/reject') setTimeout(() => Promise.reject(new Error('on purpose')));
  if (environ.PATH_INFO === '/slow') writeFileSync(${JSON.stringify(begun)}, '');
  if (environ.PATH_INFO === '/slow') await new Promise((resolve) => setTimeout(resolve, 500));
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  if (environ.PATH_INFO === '/where') return [environ.SCRIPT_NAME + '|' + environ.PATH_INFO];
  return [\`${text} \${process.pid} \${count} \${environ['wsgi.run_once']} \${environ['wsgi.multiprocess']}\`];
};
`;

beforeAll(async () => {
  writeFileSync(file('app.mjs'), SOURCE('old'));
  await buildScript(file('app.mjs'), file('app.cgi'), { exportName: 'default' });
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function start(program: string, args: string[], env: Record<string, string> = {}, stderr: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'inherit', stderr],
  });
  running.push(child);
  return child;
}

const REQUEST = { REQUEST_METHOD: 'GET', SCRIPT_NAME: '', SERVER_NAME: 'a', SERVER_PORT: '80', SERVER_PROTOCOL: 'HTTP/1.1' };

/** Sends one request by cgi-fcgi, and returns the words of the answer. */
async function ask(place: string, path = '/'): Promise<string[]> {
  const child = spawn('cgi-fcgi', ['-bind', '-connect', place], {
    env: { PATH: process.env.PATH, ...REQUEST, PATH_INFO: path },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  return output.slice(output.indexOf('\r\n\r\n') + 4).split(' ');
}

/** Sends a request that takes half a second, and calls `meanwhile` when the application has begun it. Returns the words of its answer. */
async function askSlowly(place: string, meanwhile: () => void | Promise<void>): Promise<string[]> {
  rmSync(begun, { force: true });
  const answer = ask(place, '/slow');
  await until(() => existsSync(begun));
  await meanwhile();
  return answer;
}

/** Waits until a process accepts connections, at the path of a socket or on a port. */
async function isUp(place: string | number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await accepts(place)) return;
    await sleep(20);
  }
  throw new Error(`${place} never came up`);
}

async function accepts(place: string | number): Promise<boolean> {
  const socket = typeof place === 'number' ? connect(place, '127.0.0.1') : connect(place);
  return once(socket, 'connect')
    .then(() => true)
    .catch(() => false)
    .finally(() => socket.destroy());
}

describe('run()', () => {
  test('answers one request, as a CGI script', () => {
    const output = execFileSync(file('app.cgi'), { env: { PATH: process.env.PATH, ...REQUEST }, encoding: 'utf8' });
    expect(output).toMatch(/^Status: 200 OK\r\nContent-Type: text\/plain\r\nContent-Length: \d+\r\n\r\nold \d+ 1 true true$/);
  });

  test('serves on descriptor 0 when that is a Unix socket that listens (spawn-fcgi)', async () => {
    start('spawn-fcgi', ['-n', '-s', file('zero.sock'), '--', file('app.cgi')]);
    await isUp(file('zero.sock'));
    const [, pid, , once_] = await ask(file('zero.sock'));
    expect(once_).toBe('false');
    expect((await ask(file('zero.sock')))[1]).toBe(pid);
  });

  test('serves on descriptor 0 when that is a TCP socket that listens, and ends gracefully on SIGTERM', async () => {
    const port = await freePort();
    const child = start('spawn-fcgi', ['-n', '-a', '127.0.0.1', '-p', String(port), '--', file('app.cgi')]);
    await isUp(port);
    const [text] = await askSlowly(`127.0.0.1:${port}`, () => {
      child.kill('SIGTERM');
    });
    expect(text).toBe('old');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('after an uncaught error answers running requests, and ends with exit status 1', async () => {
    const child = start('spawn-fcgi', ['-n', '-s', file('broken.sock'), '--', file('app.cgi')]);
    await isUp(file('broken.sock'));
    const [text] = await askSlowly(file('broken.sock'), async () => {
      expect((await ask(file('broken.sock'), '/reject'))[0]).toBe('old');
    });
    expect(text).toBe('old');
    if (child.exitCode === null) await once(child, 'exit');
    expect([child.exitCode, child.signalCode]).toEqual([1, null]);
  });

  test('has the SCRIPT_NAME of RUN_WITH_CGI_SCRIPT_NAME', async () => {
    start('spawn-fcgi', ['-n', '-s', file('mounted.sock'), '--', file('app.cgi')], { RUN_WITH_CGI_SCRIPT_NAME: '/app' });
    await isUp(file('mounted.sock'));
    expect((await ask(file('mounted.sock'), '/app/where')).at(-1)).toBe('/app|/where');
  });

  test('serves open connections for RUN_WITH_CGI_GRACE seconds', async () => {
    const child = start('spawn-fcgi', ['-n', '-s', file('grace.sock'), '--', file('app.cgi')], { RUN_WITH_CGI_GRACE: '1' });
    await isUp(file('grace.sock'));
    const kept = connect(file('grace.sock'));
    let answers = '';
    kept.on('data', (text) => {
      answers += text;
    });
    kept.write(request(1));
    await until(() => answers.includes('old'));
    child.kill('SIGTERM');
    while (await accepts(file('grace.sock'))) await sleep(20);
    answers = '';
    kept.write(request(1));
    await until(() => answers.includes('old'));
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test.each([
    ['RUN_WITH_CGI_GRACE', 'soon', 'RUN_WITH_CGI_GRACE must be a number of seconds, got "soon"; set it to 3, for instance'],
    ['RUN_WITH_CGI_PROTOCOL', 'http', 'RUN_WITH_CGI_PROTOCOL must be fastcgi or scgi, got "http"'],
  ])('does not start when %s is %s', async (variable, value, message) => {
    const child = start('spawn-fcgi', ['-n', '-s', file(`${value}.sock`), '--', file('app.cgi')], { [variable]: value }, 'pipe');
    let said = '';
    child.stderr?.on('data', (text) => {
      said += text;
    });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said).toContain(`${message}\n`);
  });

  test('serves on a socket that systemd passes', async () => {
    start('systemd-socket-activate', ['-l', file('activated.sock'), file('app.cgi')]);
    await isUp(file('activated.sock'));
    expect((await ask(file('activated.sock'))).slice(0, 1)).toEqual(['old']);
  });

  test('a request in the environment comes first, so no request can make the process serve', () => {
    const listener = `
import os, socket, subprocess, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[2]); s.listen()
env = {'PATH': os.environ['PATH'], 'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '', 'LISTEN_FDS': '1', 'HTTP_LISTEN_PID': '1'}
print(subprocess.run([sys.argv[1]], stdin=s, stdout=subprocess.PIPE, env=env, timeout=10).stdout.decode()[:14])
`;
    const output = execFileSync('python3', ['-c', listener, file('app.cgi'), file('fooled.sock')], { encoding: 'utf8' });
    expect(output).toBe('Status: 200 OK\n');
  });
});

describe('run-with-cgi fastcgi', () => {
  const serve = (...words: string[]) => start(process.execPath, [command, 'fastcgi', 'app.mjs', ...words]);

  test('--socket: serves until SIGTERM, and removes its socket', async () => {
    const child = serve('--socket', file('one.sock'));
    await isUp(file('one.sock'));
    expect(await ask(file('one.sock'))).toMatchObject(['old', String(child.pid), expect.any(String), 'false', 'true']);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(file('one.sock'))).toBe(false);
  });

  test('--workers: a crashed worker is replaced; SIGHUP brings new code and loses no request', async () => {
    const child = serve('--socket', file('two.sock'), '--workers', '2');
    await isUp(file('two.sock'));
    await ask(file('two.sock'), '/crash');
    expect((await ask(file('two.sock')))[0]).toBe('old');

    writeFileSync(file('app.mjs'), SOURCE('new'));
    let isDone = false;
    const answers: string[] = [];
    const asking = (async () => {
      while (!isDone) answers.push((await ask(file('two.sock')))[0] ?? '');
    })();
    await until(() => answers.length > 0);
    child.kill('SIGHUP');
    await until(() => answers.slice(-8).every((answer) => answer === 'new') && answers.length > 8);
    isDone = true;
    await asking;
    writeFileSync(file('app.mjs'), SOURCE('old'));
    expect(new Set(answers)).toEqual(new Set(['old', 'new']));
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  }, 60_000);

  test('a connection that cannot be accepted does not end the process', async () => {
    // Node emits this error where the system has no memory for another connection.
    writeFileSync(
      file('refuse.mjs'),
      `import { Server } from 'node:net';
process.on('SIGUSR2', () => {
  for (const server of process._getActiveHandles()) if (server instanceof Server) server.emit('error', new Error('accept ENOMEM'));
});`,
    );
    const env = { NODE_OPTIONS: `--import ${file('refuse.mjs')}` };
    const child = start(process.execPath, [command, 'fastcgi', 'app.mjs', '--socket', file('accept.sock')], env);
    await isUp(file('accept.sock'));
    const [text] = await askSlowly(file('accept.sock'), () => {
      child.kill('SIGUSR2');
    });
    expect(text).toBe('old');
    expect((await ask(file('accept.sock')))[1]).toBe(String(child.pid));
  });

  test('--max-requests and --idle-exit end the process', async () => {
    const counted = serve('--socket', file('three.sock'), '--max-requests', '2');
    await isUp(file('three.sock'));
    await ask(file('three.sock'));
    expect((await ask(file('three.sock')))[0]).toBe('old');
    if (counted.exitCode === null) await once(counted, 'exit');
    const idle = serve('--socket', file('four.sock'), '--idle-exit', '1');
    await isUp(file('four.sock'));
    if (idle.exitCode === null) await once(idle, 'exit');
    expect([counted.exitCode, idle.exitCode]).toEqual([0, 0]);
  });

  test.each([
    [['--port', 'x'], '--port must be a number from 0 to 65535, got x [option-wrong]'],
    [['--port', '1', '--socket', 'a'], 'Give --socket or --port, not both [option-wrong]'],
    [[], 'Descriptor 0 is not a listening socket; give --socket or --port [option-wrong]'],
  ])('%j: %s', (words, message) => {
    let stderr = '';
    try {
      execFileSync(process.execPath, [command, 'fastcgi', 'app.mjs', ...words], {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      stderr = String((error as { stderr: string }).stderr);
    }
    expect(stderr).toBe(`run-with-cgi: ${message}\n`);
  });
});
