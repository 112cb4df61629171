// Starts FastCGI gateways with workers as an operator does, and tells the tests about their processes. A gateway that a test has
// started ends with the test.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect } from 'vitest';
import { until } from '../host/processes.ts';

export const command = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));
export const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-workers-'));
export const file = (name: string) => join(folder, name);

/**
 * Returns an application that answers with `text` and the number of its process. A request for "/hold" writes that number to the
 * file "held", and is answered when the file "released" exists.
 */
export const source = (text: string) => `
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export default async (environ, startResponse) => {
  if (environ.PATH_INFO === '/crash') process.exit(9);
  if (environ.PATH_INFO === '/hold') {
    appendFileSync('held', process.pid + '\\n');
    while (!existsSync('released')) await sleep(10);
  }
  if (environ.PATH_INFO === '/reject') setTimeout(() => Promise.reject(new Error('on purpose')));
  if (environ.PATH_INFO === '/throw') setTimeout(() => { throw new Error('on purpose'); });
  if (environ.PATH_INFO === '/throw-on') setInterval(() => { throw new Error('again'); }, 5);
  if (environ.PATH_INFO === '/throw-at-once') setTimeout(function fail() { process.nextTick(fail); throw new Error('again'); });
  if (environ.PATH_INFO === '/catch') {
    process.on('uncaughtException', (error) => appendFileSync('caught', error.message + '\\n'));
    process.on('unhandledRejection', (error) => appendFileSync('caught', error.message + '\\n'));
  }
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  if (environ.PATH_INFO === '/work-on') {
    return Object.assign(['answered'], { close: () => sleep(1500).then(() => appendFileSync('worked', 'on')) });
  }
  return '${text} ' + process.pid;
};
`;

export interface Gateway {
  process: ChildProcess;
  place: string;
  said(): string;
}

export const gateways: Gateway[] = [];
let served = 0;

/** Starts a gateway in a process group of its own, as a shell or systemd does. */
export function serve(...words: string[]): Gateway {
  const place = file(`app${served++}.sock`);
  for (const left of ['held', 'released', 'caught', 'worked', 'loading']) rmSync(file(left), { force: true });
  if (!existsSync(file('app.mjs'))) writeFileSync(file('app.mjs'), source('old'));
  const child = spawn(process.execPath, [command, 'fastcgi', 'app.mjs', '--socket', place, ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const gateway = { process: child, place, said: () => said };
  gateways.push(gateway);
  return gateway;
}

export function workersOf({ process: { pid } }: Gateway): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** Waits until the supervisor has noticed the end of each of `workers`. */
export async function areGone(gateway: Gateway, workers: number[]): Promise<void> {
  await until(() => !workersOf(gateway).some((pid) => workers.includes(pid)));
}

/** Waits until each of `count` workers listens. */
export async function areUp(gateway: Gateway, count: number): Promise<void> {
  await until(() => workersOf(gateway).length === count && existsSync(gateway.place));
  const seen = new Set<string>();
  while (seen.size < count) {
    const [, pid] = (await ask(gateway)).split(' ');
    if (pid) seen.add(pid);
  }
}

/** Sends a request, and returns the body of the answer; "" when there is none. */
export async function ask({ place }: Gateway, path = '/'): Promise<string> {
  const child = spawn('cgi-fcgi', ['-bind', '-connect', place], {
    env: {
      PATH: process.env.PATH,
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: path,
      SERVER_NAME: 'a',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  const end = output.indexOf('\r\n\r\n');
  return end < 0 ? '' : output.slice(end + 4);
}

export async function ended({ process: child }: Gateway): Promise<[number | null, string | null]> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return [child.exitCode, child.signalCode];
}

export const isHeld = () => until(() => existsSync(file('held')));
export const release = () => writeFileSync(file('released'), '');

afterEach(async () => {
  release();
  // Each is killed once: its process id may soon be that of another process.
  for (const gateway of gateways.splice(0)) {
    try {
      process.kill(-(gateway.process.pid ?? 0), 'SIGKILL');
    } catch {
      // it has ended
    }
    await ended(gateway);
  }
  writeFileSync(file('app.mjs'), source('old'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts a gateway that refuses to serve, and returns its message. */
export async function refused(...words: string[]): Promise<string> {
  const child = spawn(process.execPath, [command, 'fastcgi', ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  expect([code, said.slice(0, 14), said.at(-1)]).toEqual([2, 'run-with-cgi: ', '\n']);
  return said.slice(14, -1);
}
