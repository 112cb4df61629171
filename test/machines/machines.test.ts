// One application on three machines, behind HAProxy and behind nginx, which are configured as docs/machines.md shows. The tests say
// what users notice when a machine is killed, ended in good order, or cut off. Both balancers are asked at the same time.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../host/processes.ts';
import { type Balancer, startHaproxy, startNginx, succeeds } from './balancers.ts';
import { type Load, startLoad } from './client.ts';
import type { Seen } from './load.ts';
import { type Machine, makeNetwork, type Network } from './network.ts';
import { shown } from './page.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const command = here('../../dist/cli/main.cjs');
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-machines-'));
const file = (name: string) => join(folder, name);
const PATH = process.env.PATH ?? '';

/** How many connections each load has. */
const CONNECTIONS = 16;

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
  balancers = [await startHaproxy(network, '10.0.0.10', folder), await startNginx(network, '10.0.0.11', folder)];
});
afterAll(async () => {
  await network?.remove();
  rmSync(folder, { recursive: true });
});

describe('three machines behind HAProxy and behind nginx', () => {
  test('share the requests', async () => {
    const loads = await startLoads('/share');
    await sleep(1000);
    for (const seen of await stop(loads)) {
      expect(seen.failed).toEqual([]);
      expect(machinesOf(seen)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    }
  });

  test('lose no GET and send no POST twice, while one is killed every two seconds', async () => {
    const loads = await startLoads('/kill');
    for (let round = 0; round < 3; round++) await endInTurn('SIGKILL');
    const ended = await stop(loads);
    expect(failures(ended, 'GET')).toEqual([]);
    expect(sentTwice(ended)).toEqual([]);
    // The POSTs that a killed machine had begun are lost, and their clients know.
    expect(failures(ended, 'POST')).not.toEqual([]);
    expect(answeredButNotSent(ended)).toEqual([]);
  }, 60_000);

  test('lose no GET and no POST while one after the other is ended by SIGTERM', async () => {
    const loads = await startLoads('/end');
    await endInTurn('SIGTERM');
    const ended = await stop(loads);
    expect(failures(ended, 'GET')).toEqual([]);
    expect(failures(ended, 'POST')).toEqual([]);
    expect(sentTwice(ended)).toEqual([]);
    expect(answeredButNotSent(ended)).toEqual([]);
  }, 60_000);

  test('lose no GET and send no POST twice while the cable of one is cut; it is left out and comes back', async () => {
    const loads = await startLoads('/cut');
    const before = balancers.map(({ leftOut }) => leftOut('10.0.0.1'));
    workers[0]?.machine.unplug();
    await until(() => balancers.every(({ leftOut }, at) => leftOut('10.0.0.1') > (before[at] ?? 0)));
    const ended = await stop(loads);
    expect(failures(ended, 'GET')).toEqual([]);
    expect(sentTwice(ended)).toEqual([]);

    workers[0]?.machine.plug();
    const isBack = async () => {
      const again = await startLoads('/back');
      await sleep(500);
      return (await stop(again)).every((seen) => machinesOf(seen).includes('10.0.0.1'));
    };
    for (let tries = 0; !(await isBack()); tries++) expect(tries).toBeLessThan(20);
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
    await succeeds(this.machine, 'bash', '-c', `exec 3<>/dev/tcp/${address}/9000`);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

/** Ends one machine after the other, and starts each again a second later. */
async function endInTurn(signal: NodeJS.Signals): Promise<void> {
  for (const worker of workers) {
    await sleep(1000);
    await worker.end(signal);
    await sleep(1000);
    await worker.start();
  }
}

interface RunningLoad extends Load {
  method: string;
  /** The path of its requests, by which the machines write down its POSTs. */
  path: string;
}

interface EndedLoad extends Seen {
  method: string;
  path: string;
}

/** Starts two loads on each balancer: one of GET, one of POST. */
function startLoads(path: string): Promise<RunningLoad[]> {
  const starts = balancers.flatMap(({ name, machine }) =>
    ['GET', 'POST'].map(async (method) => {
      const place = `/${name}${path}`;
      const load = await startLoad(machine, method, `http://${machine.address}${place}`, CONNECTIONS);
      return { ...load, method, path: place };
    }),
  );
  return Promise.all(starts);
}

function stop(loads: RunningLoad[]): Promise<EndedLoad[]> {
  return Promise.all(loads.map(async ({ method, path, stop }) => ({ method, path, ...(await stop()) })));
}

function machinesOf({ answered }: Seen): string[] {
  return Object.keys(answered).sort();
}

function failures(loads: EndedLoad[], method: string): string[] {
  const those = loads.filter((load) => load.method === method);
  return those.flatMap(({ path, failed }) => failed.map(([number, why]) => `${method} ${path} ${number}: ${why}`));
}

/** Returns the lines that the machines have written down for the POSTs of a load. */
function written({ path }: EndedLoad): string[] {
  const lines = readFileSync(file('posts'), 'latin1').split('\n');
  return lines.filter((line) => line.startsWith(`${path} `));
}

function sentTwice(loads: EndedLoad[]): string[] {
  const seen = new Set<string>();
  return posts(loads).flatMap((load) => written(load).filter((line) => seen.size === seen.add(line).size));
}

function answeredButNotSent(loads: EndedLoad[]): string[] {
  return posts(loads).flatMap((load) => {
    const lines = new Set(written(load));
    const numbers = Object.values(load.answered).flat();
    return numbers.map((number) => `${load.path} ${number} the body of ${number}`).filter((line) => !lines.has(line));
  });
}

function posts(loads: EndedLoad[]): EndedLoad[] {
  return loads.filter(({ method }) => method === 'POST');
}
