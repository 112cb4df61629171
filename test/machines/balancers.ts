// HAProxy and nginx, each on a machine of its own, with the configuration of docs/machines.md.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitStatus, type Machine, type Network } from './network.ts';
import { shown } from './page.ts';

export interface Balancer {
  readonly name: string;
  readonly machine: Machine;
  /** Returns how often the log says that the machine of this address is left out. */
  leftOut(address: string): number;
}

export async function startHaproxy(network: Network, address: string, folder: string): Promise<Balancer> {
  const machine = network.add(address);
  const configuration = join(folder, 'haproxy.cfg');
  writeFileSync(configuration, shown('haproxy.cfg'));
  const child = machine.start('haproxy', ['-db', '-f', configuration], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (log += text));
  await answers(machine);
  const names = new Map([...shown('haproxy.cfg').matchAll(/^ {2}server (\w+) ([\d.]+):/gm)].map(([, name, at]) => [at, name]));
  return { name: 'HAProxy', machine, leftOut: (at) => log.split(`Server app/${names.get(at)} is DOWN`).length - 1 };
}

export async function startNginx(network: Network, address: string, folder: string): Promise<Balancer> {
  const machine = network.add(address);
  machine.start('nginx', nginxArguments(shown('app.conf'), folder));
  await answers(machine);
  const log = () => readFileSync(join(folder, 'nginx/error.log'), 'utf8').split('\n');
  const isLeftOut = (at: string) => (line: string) => line.includes('temporarily disabled') && line.includes(`//${at}:9000`);
  return { name: 'nginx', machine, leftOut: (at) => log().filter(isLeftOut(at)).length };
}

/** Returns the arguments of an nginx in the foreground whose configuration is `site`, in an "http" block. */
export function nginxArguments(site: string, folder: string): string[] {
  const place = (name: string) => join(folder, 'nginx', name);
  mkdirSync(place(''));
  writeFileSync(place('site.conf'), site.replace('include fastcgi_params', 'include /etc/nginx/fastcgi_params'));
  const temporary = ['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((kind) => `${kind}_temp_path ${place(kind)};`);
  writeFileSync(
    place('nginx.conf'),
    `user root; pid ${place('pid')}; error_log ${place('error.log')} warn; events {}
http { access_log off; ${temporary.join(' ')} include ${place('site.conf')}; }`,
  );
  return ['-c', place('nginx.conf'), '-g', 'daemon off;'];
}

async function answers(machine: Machine): Promise<void> {
  await succeeds(machine, 'wget', '-q', '-O', '-', '-T', '2', '-t', '1', `http://${machine.address}/health`);
}

/** Runs a command on the machine again and again, until it succeeds. */
export async function succeeds(machine: Machine, ...command: string[]): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await exitStatus(machine, ...command)) === 0) return;
    await sleep(50);
  }
  throw new Error(`${command.join(' ')} never succeeded`);
}
