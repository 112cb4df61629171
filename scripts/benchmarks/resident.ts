// Measures one resident process behind nginx against other processes that give the same answer: node:http behind proxy_pass, php-fpm
// with one child, Go's net/http/fcgi on one core; all in one run, in turn. Measures the memory that a process holds after a
// million requests, too. Prints Markdown.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { APPLICATION, heap, load as requests } from '../../test/resident/load.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const SECONDS = 3;
const CONNECTIONS = 64;
/** The unit of utime and stime, per second: proc(5). */
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

const HELLO = `export function application(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return 'Hello, world!\\n';
}
`;
/** A fifth of a millisecond of work, so that the web server and wrk are no large part of it. */
const BUSY = `import { createHash } from 'node:crypto';
const bytes = Buffer.alloc(400_000);
export function application(environ, startResponse) {
  createHash('sha1').update(bytes).digest();
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return 'Hello, world!\\n';
}
`;
const BARE = `import { createServer } from 'node:http';
const [, , place] = process.argv;
createServer((request, response) => {
  response.writeHead(200, ['Content-Type', 'text/plain', 'Content-Length', '14']);
  response.end('Hello, world!\\n');
}).listen(place.startsWith('/') ? { path: place } : { port: Number(place), host: '127.0.0.1' });
`;
const GO = `package main
import ("net"; "net/http"; "net/http/fcgi"; "os")
func main() {
  listener, err := net.Listen("unix", os.Args[1])
  if err != nil { panic(err) }
  fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
    w.Header().Set("Content-Type", "text/plain")
    w.Header().Set("Content-Length", "14")
    w.Write([]byte("Hello, world!\\n"))
  }))
}
`;
const PHP = `<?php header('Content-Type: text/plain'); header('Content-Length: 14'); echo "Hello, world!\\n";
`;

interface Contender {
  /** The command of the program, which is told where to listen. */
  command(place: string): string[];
  port?: number;
  /** How nginx asks it: the module's name, and whether connections are kept. */
  by: 'fastcgi' | 'scgi' | 'proxy';
  kept: boolean;
  /** The contender that it is measured against. */
  against: string;
  env?: Record<string, string>;
}

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);
const ours =
  (protocol: string, application = 'hello', ...more: string[]) =>
  (place: string) => {
    const words = place.startsWith('/') ? ['--socket', place, '--mode', '666'] : ['--port', place];
    return [process.execPath, 'dist/cli/main.cjs', protocol, file(`${application}.mjs`), ...words, '--script-name', '', ...more];
  };
const bare = (place: string) => [process.execPath, file('bare.mjs'), place];

const UNIX = 'bare node:http, Unix socket';
const KEPT = `${UNIX}, kept`;
const TCP = 'bare node:http, TCP, kept';
const ONE = 'FastCGI, a fifth of a millisecond of work, one worker';

const contenders: Record<string, Contender> = {
  'FastCGI, Unix socket, kept': { command: ours('fastcgi'), by: 'fastcgi', kept: true, against: KEPT },
  [KEPT]: { command: bare, by: 'proxy', kept: true, against: KEPT },
  'FastCGI, TCP, kept': { command: ours('fastcgi'), port: 18_801, by: 'fastcgi', kept: true, against: TCP },
  [TCP]: { command: bare, port: 18_802, by: 'proxy', kept: true, against: TCP },
  'FastCGI, Unix socket': { command: ours('fastcgi'), by: 'fastcgi', kept: false, against: UNIX },
  'SCGI, Unix socket': { command: ours('scgi'), by: 'scgi', kept: false, against: UNIX },
  'php-fpm, one child, Unix socket': { command: phpFpm, by: 'fastcgi', kept: false, against: UNIX },
  [UNIX]: { command: bare, by: 'proxy', kept: false, against: UNIX },
  'Go net/http/fcgi, GOMAXPROCS=1, Unix socket, kept': {
    command: (place) => [file('hello-go'), place],
    by: 'fastcgi',
    kept: true,
    env: { GOMAXPROCS: '1' },
    against: KEPT,
  },
  'FastCGI, a fifth of a millisecond of work, two workers': {
    command: ours('fastcgi', 'busy', '--workers', '2'),
    by: 'fastcgi',
    kept: true,
    against: ONE,
  },
  [ONE]: { command: ours('fastcgi', 'busy', '--workers', '1'), by: 'fastcgi', kept: true, against: ONE },
};

function phpFpm(place: string): string[] {
  const path = `${place}.conf`;
  writeFileSync(
    path,
    `[global]
error_log = ${folder}/php.log
[www]
user = www-data
group = www-data
listen = ${place}
listen.mode = 0666
pm = static
pm.max_children = 1
`,
  );
  return ['/usr/sbin/php-fpm8.2', '--nodaemonize', '--fpm-config', path];
}

interface Running extends Contender {
  name: string;
  place: string;
  path: string;
  process: ChildProcess;
}

function begin([name, contender]: [string, Contender], at: number): Running {
  const place = contender.port === undefined ? file(`${at}.sock`) : String(contender.port);
  const [program = '', ...words] = contender.command(place);
  const child = spawn(program, words, { env: { PATH: process.env.PATH, ...contender.env }, stdio: ['ignore', 'inherit', 'inherit'] });
  return { ...contender, name, place, path: `/${at}/`, process: child };
}

function nginxConfiguration(all: readonly Running[]): string {
  const address = ({ place }: Running) => (place.startsWith('/') ? `unix:${place}` : `127.0.0.1:${place}`);
  const upstreams = all.map((one, at) => `upstream app${at} { server ${address(one)}; ${one.kept ? `keepalive ${CONNECTIONS};` : ''} }`);
  const temporary = ['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  const how = {
    fastcgi: (kept: boolean) => `include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME ${file('hello.php')};
      ${kept ? 'fastcgi_keep_conn on;' : ''}`,
    scgi: () => 'include /etc/nginx/scgi_params;',
    proxy: (kept: boolean) => (kept ? 'proxy_http_version 1.1; proxy_set_header Connection "";' : ''),
  };
  const locations = all.map(({ path, by, kept }, at) => {
    const target = by === 'proxy' ? `http://app${at}` : `app${at}`;
    return `location ${path} { ${how[by](kept)} ${by}_pass ${target}; }`;
  });
  return `user www-data;
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx.log;
events {}
http {
  access_log off;
  keepalive_requests 1000000;
  ${[...temporary, ...upstreams].join('\n  ')}
  server {
    listen 127.0.0.1:18800;
    ${locations.join('\n    ')}
  }
}
`;
}

/** Processor seconds that `pid` and its children have taken. */
function processorTime(pid: number): number {
  const [, fields = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
  const words = fields.split(' ').map(Number);
  const own = ((words[11] ?? 0) + (words[12] ?? 0)) / TICKS;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return children.reduce((sum, child) => sum + processorTime(child), own);
}

interface Figures {
  /** Requests per second. */
  rate: number;
  /** Microseconds of processor time that one request took. */
  cost: number;
}

function load(one: Running): Figures {
  const pid = one.process.pid ?? 0;
  const before = processorTime(pid);
  const report = execFileSync('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}`, `http://127.0.0.1:18800${one.path}`], {
    encoding: 'utf8',
  });
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(`${one.name}: ${report}`);
  const count = Number(/(\d+) requests in/.exec(report)?.[1]);
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(report)?.[1]), cost: ((processorTime(pid) - before) / count) * 1e6 };
}

async function mustSayHello(one: Running): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://127.0.0.1:18800${one.path}`).catch(() => undefined);
    const type = answer?.headers.get('content-type') ?? '';
    if (answer?.ok && type.startsWith('text/plain') && (await answer.text()) === 'Hello, world!\n') return;
    await sleep(50);
  }
  throw new Error(`${one.name} does not say hello`);
}

export async function resident(): Promise<void> {
  for (const [name, source] of Object.entries({ 'hello.mjs': HELLO, 'busy.mjs': BUSY, 'bare.mjs': BARE, 'hello.go': GO, 'hello.php': PHP }))
    writeFileSync(file(name), source);
  execFileSync('chmod', ['-R', 'a+rX', folder]);
  const env = { PATH: process.env.PATH, HOME: folder, GOCACHE: file('go'), GO111MODULE: 'off' };
  execFileSync('go', ['build', '-o', file('hello-go'), file('hello.go')], { env });
  process.umask(0); // for nginx to connect
  const all = Object.entries(contenders).map(begin);
  writeFileSync(file('nginx.conf'), nginxConfiguration(all));
  const nginx = spawn('/usr/sbin/nginx', ['-c', file('nginx.conf')], { stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    for (const one of all) await mustSayHello(one);
    for (const one of all) load(one);
    const rounds: Figures[][] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(all.map(load));
    print(all, rounds);
  } finally {
    for (const child of [nginx, ...all.map(({ process }) => process)]) {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  }
}

/** Prints medians: of the figures, and of the ratios to the contender that each is measured against, round by round. */
function print(all: readonly Running[], rounds: readonly Figures[][]): void {
  const figures = (at: number, what: keyof Figures) => median(rounds.map((round) => round[at]?.[what] ?? 0));
  const ratio = (at: number, against: number, what: keyof Figures) =>
    median(rounds.map((round) => (round[at]?.[what] ?? 0) / (round[against]?.[what] ?? 1)));
  console.log(
    '\n| behind nginx | requests/s | processor time of one | : its counterpart, requests/s | processor time |\n|---|---|---|---|---|',
  );
  for (const [at, { name, against }] of all.entries()) {
    const other = all.findIndex((one) => one.name === against);
    const compared = at === other ? ['', ''] : [ratio(at, other, 'rate').toFixed(2), ratio(at, other, 'cost').toFixed(2)];
    console.log(`| ${[name, figures(at, 'rate').toFixed(0), `${figures(at, 'cost').toFixed(1)} µs`, ...compared].join(' | ')} |`);
  }
}

/** Measures the memory that a process holds after ever more requests of all kinds. */
export async function memory(): Promise<void> {
  const place = file('memory.sock');
  writeFileSync(file('memory.mjs'), APPLICATION);
  const words = ['--expose-gc', 'dist/cli/main.cjs', 'fastcgi', file('memory.mjs'), '--socket', place];
  const gateway = spawn(process.execPath, words, { env: { PATH: process.env.PATH }, stdio: ['ignore', 'inherit', 'ignore'] });
  try {
    while (!existsSync(place)) await sleep(50);
    console.log('\n| requests | heap and buffers, after garbage collection |\n|---|---|');
    let done = 0;
    for (const count of [10_000, 20_000, 100_000, 500_000, 1_000_000]) {
      await requests(place, count - done);
      done = count;
      console.log(`| ${count.toLocaleString('en')} | ${((await heap(place)) / 2 ** 20).toFixed(2)} MiB |`);
    }
  } finally {
    gateway.kill();
    await once(gateway, 'exit');
  }
}

/** Measures what a second core brings: one worker and two, asked as fast as they answer by a client that costs little. */
export async function workers(): Promise<void> {}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
