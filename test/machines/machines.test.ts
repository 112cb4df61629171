// One application on three machines behind HAProxy and behind nginx, configured as docs/machines.md shows: what its users
// notice when a machine is killed, drained, or cut off.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Seen } from './load.ts';
import { type Machine, makeNetwork, type Network } from './network.ts';
import { shown } from './page.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const command = path('../../dist/cli/main.cjs');
const PATH = process.env.PATH ?? '';
const BALANCER = '10.0.0.10';
const CONNECTIONS = '32';

/** A machine with a worker, which can be ended and begun. */
interface Worker {
  readonly machine: Machine;
  start(): Promise<void>;
  end(signal: NodeJS.Signals): Promise<void>;
}

interface Load {
  stop(): Promise<Seen>;
}

const balancers = {
  HAProxy: (folder: string) => {
    writeFileSync(join(folder, 'haproxy.cfg'), shown('haproxy.cfg'));
    return ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')];
  },
  nginx: (folder: string) => {
    const places = ['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`);
    writeFileSync(join(folder, 'app.conf'), shown('app.conf').replace('include fastcgi_params', 'include /etc/nginx/fastcgi_params'));
    writeFileSync(
      join(folder, 'nginx.conf'),
      `user root; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http { access_log off; ${places.join(' ')} include ${folder}/app.conf; }`,
    );
    return ['nginx', '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
  },
};

describe.each(['HAProxy', 'nginx'] as const)('behind %s', (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-machines-'));
  const posts = join(folder, 'posts');
  let network: Network;
  let balancer: Machine;
  let workers: Worker[];

  beforeAll(async () => {
    writeFileSync(posts, '');
    network = makeNetwork();
    workers = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => toWorker(network.add(address)));
    balancer = network.add(BALANCER);
    await Promise.all(workers.map((worker) => worker.start()));
    const [program = '', ...args] = balancers[name](folder);
    balancer.start(program, args, { env: { PATH }, stdio: 'inherit' });
    await answers(balancer, `http://${BALANCER}/`);
  });
  afterAll(async () => {
    await network?.remove();
    rmSync(folder, { recursive: true });
  });

  function toWorker(machine: Machine): Worker {
    const { address } = machine;
    let child: ChildProcess;
    return {
      machine,
      async start() {
        const words = [command, 'fastcgi', path('application.mjs'), '--host', address, '--port', '9000', '--script-name', '', '--grace', '3'];
        child = machine.start(process.execPath, words, { env: { PATH, MACHINE: address, POSTS: posts } });
        await listens(machine);
      },
      async end(signal) {
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      },
    };
  }

  function load(method: string): Load {
    const child = balancer.start(process.execPath, ['--import', 'tsx', path('load.ts'), method, `http://${BALANCER}/`, CONNECTIONS], {
      env: { PATH },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout?.on('data', (piece) => {
      output += piece;
    });
    return {
      async stop() {
        child.stdin?.end();
        await once(child, 'close');
        return JSON.parse(output);
      },
    };
  }

  test('requests are spread over all machines', async () => {
    const asking = load('GET');
    await sleep(2000);
    const { answered, failed } = await asking.stop();
    console.log(name, answered);
    expect(failed).toEqual([]);
    expect(Object.keys(answered).sort()).toEqual(workers.map(({ machine }) => machine.address));
  });

  /** Ends a worker every two seconds, one after the other, and starts it again a second later. */
  async function endInTurn(signal: NodeJS.Signals, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const worker of workers) {
        await sleep(1000);
        await worker.end(signal);
        await sleep(1000);
        await worker.start();
      }
    }
  }

  test('no GET fails while workers are killed', async () => {
    const asking = load('GET');
    await endInTurn('SIGKILL', 3);
    const { answered, failed } = await asking.stop();
    console.log(name, answered, failed.length);
    expect(failed).toEqual([]);
  }, 60_000);

  test('no POST is sent twice while workers are killed, and the client is told of each that fails', async () => {
    const asking = load('POST');
    await endInTurn('SIGKILL', 1);
    const { answered, failed } = await asking.stop();
    const written = readFileSync(posts, 'latin1').trim().split('\n');
    console.log(name, answered, failed.length, written.length);
    expect(new Set(written).size).toBe(written.length);
  }, 60_000);

  test.each(['GET', 'POST'])('no %s fails while workers drain', async (method) => {
    const asking = load(method);
    await endInTurn('SIGTERM', 2);
    const { answered, failed } = await asking.stop();
    console.log(name, answered, failed);
    expect(failed).toEqual([]);
  }, 60_000);
});

async function answers(machine: Machine, url: string): Promise<void> {
  await succeeds(machine, 'wget', ['-q', '-O', '/dev/null', '-T', '2', '-t', '1', url]);
}

async function listens(machine: Machine): Promise<void> {
  await succeeds(machine, 'bash', ['-c', `exec 3<>/dev/tcp/${machine.address}/9000`]);
}

/** Tries until the program succeeds. */
async function succeeds(machine: Machine, program: string, args: string[]): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const [code] = await once(machine.start(program, args, { env: { PATH } }), 'exit');
    if (code === 0) return;
    await sleep(50);
  }
  throw new Error(`${program} ${args.join(' ')} never succeeded`);
}

void execFileSync;
