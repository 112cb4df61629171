// Warm scripts, and requests to them as a web server makes them: a process for each. To import this registers the hooks that
// end the workers after each test, and remove all at the end.

import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { buildScript } from '../../src/build/index.ts';

export const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-warm-'));
export const script = join(folder, 'cgi-bin/app.cgi');
export const WWW_DATA = 33;

const bin = join(folder, 'bin');
/** The ways of a request to the worker: the path of Perl for `build`, and the PATH of the web server. */
const WAYS = {
  'the shell with cgi-fcgi': { perl: undefined, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
  'the shell with Perl': { perl: undefined, PATH: bin },
  Perl: { perl: '/usr/bin/perl', PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
} as const;
export type Way = keyof typeof WAYS;
export let way: Way = 'Perl';
/** The PATH of the web server. */
export const serverPath = (): string => WAYS[way].PATH;

/** The path of Perl for this way; undefined where the shell runs the script. */
export const perl = (): string | undefined => WAYS[way].perl;

/** Returns the options by which the command builds a script for this way. */
export const perlOptions = (): string[] => {
  const path = perl();
  return path === undefined ? [] : ['--perl', path];
};

/** Declares the tests of `declare` for each way of a request to the worker. */
export function overEachWay(declare: (way: Way) => void): void {
  describe.each(Object.keys(WAYS) as Way[])('by %s:', (name) => {
    beforeAll(async () => {
      way = name;
      [one, two] = [await build('one'), await build('two')];
    }, 60_000);
    declare(name);
  });
}

const source = (version: string) => `export function application(environ, startResponse) {
  const { PATH_INFO } = environ;
  if (PATH_INFO === '/throw') throw new Error('on purpose');
  if (PATH_INFO === '/print') console.log('x'.repeat(1_100_000));
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  if (PATH_INFO === '/echo') return environ['wsgi.input'];
  if (PATH_INFO === '/environ') return JSON.stringify(environ);
  if (PATH_INFO === '/reject') setTimeout(() => Promise.reject(new Error('nobody catches it')), 50);
  if (PATH_INFO === '/wait') return new Promise((resolve) => setTimeout(resolve, 500, 'waited'));
  if (PATH_INFO === '/wait-long') return new Promise((resolve) => setTimeout(resolve, 6000, 'waited'));
  return JSON.stringify({ version: '${version}', pid: process.pid, resident: !environ['wsgi.run_once'], env: process.env });
}
`;

export interface Seen {
  errors: string;
  version: string;
  pid: number;
  resident: boolean;
  env: Record<string, string>;
}

/** Returns the version that a warm script has in the name of its socket. */
export function versionOf(path: string): string {
  return /(?:\.|\$version = ')([0-9a-f]{12})(?:;|')/.exec(readFileSync(path, 'latin1'))?.[1] ?? '';
}

async function build(version: string): Promise<string> {
  const path = join(folder, `${version}.cgi`);
  const module = join(folder, `${version}.mjs`);
  writeFileSync(module, source(version));
  await buildScript(module, path, { exportName: 'application', warm: true, perl: perl(), keepEnv: ['OF_THE_SERVER'] });
  return path;
}

/** Replaces the script by rename(), as a deployment should. */
export function deploy(built: string): void {
  copyFileSync(built, `${script}.new`);
  renameSync(`${script}.new`, script);
}

export let one = '';
export let two = '';
chmodSync(folder, 0o755);
for (const place of [dirname(script), bin]) mkdirSync(place);
for (const program of [process.execPath, '/usr/bin/perl', '/usr/bin/tr']) symlinkSync(program, join(bin, basename(program)));
afterEach(async () => {
  for (const pid of workers()) process.kill(pid, 'SIGKILL');
  await until(() => workers().length === 0);
  for (const name of readdirSync(folder)) if (name.startsWith('tmp')) rmSync(join(folder, name), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Returns the numbers of all processes that are workers of a script below `folder`. */
export function workers(): number[] {
  const found = spawnSync('/bin/sh', ['-c', `grep -lz ^RUN_WITH_CGI_WARM_WORKER=${folder} /proc/[0-9]*/environ 2>/dev/null`], {
    encoding: 'utf8',
  });
  return found.stdout.split('\n').flatMap((path) => /\d+/.exec(path)?.map(Number) ?? []);
}

/** Resolves when `condition` is met; rejects after ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 400) throw new Error('the condition was not met in ten seconds');
    await sleep(25);
  }
}

export interface Request {
  path?: string;
  body?: string | Buffer;
  env?: Record<string, string>;
  tmp?: string;
  file?: string;
  /** The command that runs the script; by default the system does. */
  command?: string[];
  uid?: number;
}

export interface Answer {
  head: string;
  body: string;
  errors: string;
}

const children = new Set<ChildProcess>();

export async function ask({
  path = '/',
  body = '',
  env = {},
  tmp = 'tmp',
  file = script,
  command = [file],
  uid,
}: Request = {}): Promise<Answer> {
  const place = join(folder, tmp);
  mkdirSync(place, { recursive: true });
  if (uid !== undefined) chownSync(place, uid, uid);
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: dirname(script),
    env: {
      PATH: serverPath(),
      TMPDIR: place,
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: body === '' ? 'GET' : 'POST',
      ...(body !== '' && { CONTENT_LENGTH: String(Buffer.byteLength(body)) }),
      SCRIPT_NAME: '/cgi-bin/app.cgi',
      PATH_INFO: path,
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'localhost',
      OF_THE_SERVER: 'yes',
      ...env,
    },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  children.add(child);
  child.stdin.end(body);
  const { out, errors } = await collect(child);
  children.delete(child);
  const output = out.toString('latin1');
  const end = output.indexOf('\r\n\r\n');
  return { head: output.slice(0, end), body: output.slice(end + 4), errors };
}

export interface Run {
  status: number | null;
  signal: string | null;
  out: Buffer;
  errors: string;
}

/** Resolves with what `child` has written when it has ended and its pipes are closed. Rejects when it cannot be started. */
export async function collect(child: ChildProcessWithoutNullStreams): Promise<Run> {
  const out: Buffer[] = [];
  let errors = '';
  child.stdout.on('data', (block: Buffer) => out.push(block));
  child.stderr.on('data', (text: Buffer) => {
    errors += text;
  });
  child.stdin.on('error', () => {});
  const [status, signal] = await once(child, 'close');
  return { status, signal, out: Buffer.concat(out), errors };
}

/** Returns the path of the only file below the folder of sockets whose name ends in `ending`. */
export function left(ending: string): string {
  return files('tmp')
    .filter((name) => name.endsWith(ending))
    .join();
}

/** Returns the paths of all files and sockets below a folder of sockets. */
export function files(tmp: string): string[] {
  const found = spawnSync('/usr/bin/find', [join(folder, tmp), '!', '-type', 'd'], { encoding: 'utf8' });
  return found.stdout.split('\n').filter(Boolean).sort();
}

/** Returns what the application tells about the process that has answered. Rejects for an answer that is not 200. */
export async function see(request: Request = {}): Promise<Seen> {
  const { head, body, errors } = await ask(request);
  if (!head.startsWith('Status: 200 OK')) throw new Error(`no answer: ${head}${body}${errors}`);
  return { ...JSON.parse(body), errors };
}

/** Asks until the worker answers, and returns the number of its process. */
export async function warmUp(request: Request = {}): Promise<number> {
  let seen = await see(request);
  await until(async () => {
    seen = await see(request);
    return seen.resident;
  });
  return seen.pid;
}

/** Lets four clients ask all the time until `meanwhile` is done, and returns all answers. */
export async function askAllTheTime(meanwhile: () => Promise<void>): Promise<Seen[]> {
  const all: Seen[] = [];
  let isDone = false;
  const clients = Array.from({ length: 4 }, async () => {
    while (!isDone) {
      all.push(await see());
      await sleep(20);
    }
  });
  await meanwhile().finally(() => {
    isDone = true;
  });
  await Promise.all(clients);
  return all;
}
