// One application on three machines behind HAProxy and behind nginx, configured as docs/machines.md shows: what its users
// notice when a machine is killed, ended in good order, or cut off. Both balancers are asked at the same time.

import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Seen } from './load.ts';
import { type Machine, makeNetwork, type Network } from './network.ts';
import { shown } from './page.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const command = here('../../dist/cli/main.cjs');
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-machines-'));
const file = (name: string) => join(folder, name);
const PATH = process.env.PATH ?? '';

/** How many connections each load has. */
const CONNECTIONS = '16';

let network: Network;
let workers: Worker[];
let balancers: Balancer[];

beforeAll(async () => {
  writeFileSync(file('posts'), '');
  copyFileSync(here('application.mjs'), file('app.mjs'));
  mkdirSync(file('bin'));
  symlinkSync(command, file('bin/run-with-cgi'));
  network = makeNetwork();
  workers = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => new Worker(network.add(address)));
  await Promise.all(workers.map((worker) => worker.start()));
  balancers = [new Balancer('HAProxy', network.add('10.0.0.10'), haproxy()), new Balancer('nginx', network.add('10.0.0.11'), nginx())];
  await Promise.all(balancers.map((balancer) => balancer.start()));
});
afterAll(async () => {
  await network?.remove();
  rmSync(folder, { recursive: true });
});

describe('three machines behind HAProxy and behind nginx', () => {
  test('share the requests', async () => {
    const loads = startLoads('/share');
    await sleep(1000);
    for (const seen of await stop(loads)) {
      expect(seen.failed).toEqual([]);
      expect(machinesOf(seen)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    }
  });

  test('lose no GET and send no POST twice, when every two seconds one is killed', async () => {
    const loads = startLoads('/kill');
    for (let round = 0; round < 3; round++) await endInTurn('SIGKILL');
    await stop(loads);
    expect(failures(loads, 'GET')).toEqual([]);
    expect(sentTwice(loads)).toEqual([]);
    // Those that a killed machine had begun are lost, and their clients know.
    expect(failures(loads, 'POST')).not.toEqual([]);
    expect(answeredButNotSent(loads)).toEqual([]);
  }, 60_000);

  test('lose no request, POST or GET, when one after the other is ended by SIGTERM', async () => {
    const loads = startLoads('/drain');
    await endInTurn('SIGTERM');
    await stop(loads);
    expect(failures(loads, 'GET')).toEqual([]);
    expect(failures(loads, 'POST')).toEqual([]);
    expect(sentTwice(loads)).toEqual([]);
    expect(answeredButNotSent(loads)).toEqual([]);
  }, 60_000);

  test('lose no GET and send no POST twice, when one is cut off; it is left out, and comes back', async () => {
    const [first] = workers;
    const during = startLoads('/cut');
    await sleep(500);
    first?.machine.unplug();
    await sleep(2000);
    const after = startLoads('/left-out');
    await sleep(1000);
    await stop(after);
    await stop(during);
    expect(failures([...during, ...after], 'GET')).toEqual([]);
    expect(sentTwice([...during, ...after])).toEqual([]);
    for (const { seen } of after) expect(machinesOf(seen)).toEqual(['10.0.0.2', '10.0.0.3']);

    first?.machine.plug();
    for (let tries = 0; tries < 100; tries++) {
      const loads = startLoads('/back');
      await sleep(500);
      const all = await stop(loads);
      if (all.every((seen) => machinesOf(seen).includes('10.0.0.1'))) return;
    }
    expect.unreachable('the machine never came back');
  }, 60_000);
});

/** A machine with an application on it. */
class Worker {
  readonly machine: Machine;
  #child: ChildProcess | undefined;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  async start(): Promise<void> {
    const { address } = this.machine;
    const env = { PATH: `${file('bin')}:${PATH}`, MACHINE: address, POSTS: file('posts') };
    this.#child = this.machine.start('sh', ['-c', shown('app.sh').replace('10.0.0.1 ', `${address} `)], { cwd: folder, env });
    await succeeds(this.machine, 'bash', ['-c', `exec 3<>/dev/tcp/${address}/9000`]);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

/** Ends one after the other, and begins it again a second later. */
async function endInTurn(signal: NodeJS.Signals): Promise<void> {
  for (const worker of workers) {
    await sleep(1000);
    await worker.end(signal);
    await sleep(1000);
    await worker.start();
  }
}

class Balancer {
  readonly name: string;
  readonly machine: Machine;
  #words: string[];

  constructor(name: string, machine: Machine, words: string[]) {
    this.name = name;
    this.machine = machine;
    this.#words = words;
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.#words;
    this.machine.start(program, args, { env: { PATH } });
    await succeeds(this.machine, 'wget', ['-q', '-O', '-', '-T', '2', '-t', '1', `http://${this.machine.address}/health`]);
  }
}

function haproxy(): string[] {
  writeFileSync(file('haproxy.cfg'), shown('haproxy.cfg'));
  return ['haproxy', '-db', '-f', file('haproxy.cfg')];
}

function nginx(): string[] {
  writeFileSync(file('app.conf'), shown('app.conf').replace('fastcgi_params', '/etc/nginx/fastcgi_params'));
  const places = ['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((kind) => `${kind}_temp_path ${file(kind)};`);
  writeFileSync(
    file('nginx.conf'),
    `user root; pid ${file('pid')}; error_log ${file('error.log')}; events {}
http { access_log off; ${places.join(' ')} include ${file('app.conf')}; }`,
  );
  return ['nginx', '-c', file('nginx.conf'), '-g', 'daemon off;'];
}

/** A client on the balancer's machine. */
class Load {
  readonly method: string;
  readonly path: string;
  /** When it has been stopped. */
  seen: Seen = { answered: {}, failed: [] };
  #child: ChildProcess;
  #output = '';

  constructor({ name, machine }: Balancer, method: string, path: string) {
    this.method = method;
    this.path = `/${name}${path}`;
    const url = `http://${machine.address}${this.path}`;
    const options: SpawnOptions = { env: { PATH }, stdio: ['pipe', 'pipe', 'inherit'] };
    this.#child = machine.start(process.execPath, ['--import', 'tsx', here('load.ts'), method, url, CONNECTIONS], options);
    this.#child.stdout?.on('data', (piece) => {
      this.#output += piece;
    });
  }

  async stop(): Promise<Seen> {
    this.#child.stdin?.end();
    await once(this.#child, 'close');
    this.seen = JSON.parse(this.#output);
    return this.seen;
  }
}

function startLoads(path: string): Load[] {
  return balancers.flatMap((balancer) => ['GET', 'POST'].map((method) => new Load(balancer, method, path)));
}

function stop(loads: Load[]): Promise<Seen[]> {
  return Promise.all(loads.map((load) => load.stop()));
}

function machinesOf({ answered }: Seen): string[] {
  return Object.keys(answered).sort();
}

function failures(loads: Load[], method: string): string[] {
  const those = loads.filter((load) => load.method === method);
  return those.flatMap(({ path, seen }) => seen.failed.map(([number, why]) => `${method} ${path} ${number}: ${why}`));
}

/** What the machines have written down for a load. */
function written({ path }: Load): string[] {
  const lines = readFileSync(file('posts'), 'latin1').split('\n');
  return lines.filter((line) => line.startsWith(`${path} `));
}

function sentTwice(loads: Load[]): string[] {
  const once = new Set<string>();
  return posts(loads).flatMap((load) => written(load).filter((line) => once.size === once.add(line).size));
}

function answeredButNotSent(loads: Load[]): string[] {
  return posts(loads).flatMap((load) => {
    const lines = new Set(written(load));
    const numbers = Object.values(load.seen.answered).flat();
    return numbers.map((number) => `${load.path} ${number} the body of ${number}`).filter((line) => !lines.has(line));
  });
}

function posts(loads: Load[]): Load[] {
  return loads.filter(({ method }) => method === 'POST');
}

/** Tries on the machine until it succeeds. */
async function succeeds(machine: Machine, program: string, args: string[]): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const [code] = await once(machine.start(program, args, { env: { PATH } }), 'exit');
    if (code === 0) return;
    await sleep(50);
  }
  throw new Error(`${program} ${args.join(' ')} never succeeded`);
}
