// Several machines in one: network namespaces with an address each, on a bridge in a namespace of its own. The network of the host
// stays as it is.

import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { isRunning } from '../host/processes.ts';

const PREFIX = 'run-with-cgi';

export interface Machine {
  readonly address: string;
  /** Starts a program on the machine. Its environment is PATH, unless the options give another. */
  start(program: string, args: string[], options?: SpawnOptions): ChildProcess;
  /** Pulls the cable: packets are lost, and neither end is told. */
  unplug(): void;
  plug(): void;
}

export interface Network {
  /** Returns a new machine with this address, in 10.0.0.0/24. */
  add(address: string): Machine;
  /** Ends every program on its machines, and removes them. */
  remove(): Promise<void>;
}

export function makeNetwork(): Network {
  removeLeftovers();
  const bridge = addNamespace('switch');
  ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge');
  ip('-n', bridge, 'link', 'set', 'br0', 'up');
  const namespaces = [bridge];
  const children = new Set<ChildProcess>();

  return {
    add(address) {
      const name = addNamespace(address);
      namespaces.push(name);
      const port = `port${namespaces.length}`;
      ip('-n', bridge, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('-n', bridge, 'link', 'set', port, 'master', 'br0', 'up');
      ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      return {
        address,
        start(program, args, options) {
          const environment = { env: { PATH: process.env.PATH } };
          const child = spawn('ip', ['netns', 'exec', name, program, ...args], { stdio: 'ignore', ...environment, ...options });
          children.add(child);
          child.once('exit', () => children.delete(child));
          return child;
        },
        unplug: () => ip('-n', bridge, 'link', 'set', port, 'down'),
        plug: () => ip('-n', bridge, 'link', 'set', port, 'up'),
      };
    },
    async remove() {
      const ends = [...children].map((child) => once(child, 'exit'));
      for (const name of namespaces) removeNamespace(name);
      await Promise.all(ends);
    },
  };
}

function addNamespace(name: string): string {
  const full = `${PREFIX}-${process.pid}-${name}`;
  ip('netns', 'add', full);
  return full;
}

/** Ends all processes in a namespace, and removes it together with its end of each cable. */
function removeNamespace(name: string): void {
  for (const pid of ip('netns', 'pids', name).split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  ip('netns', 'delete', name);
}

/** Removes the namespaces of tests that were killed. */
function removeLeftovers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const [name = ''] = line.split(' ');
    const [, pid] = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) removeNamespace(name);
  }
}

function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8' });
}

/** Runs a command on the machine, and returns its exit status. */
export async function exitStatus(machine: Machine, ...command: string[]): Promise<number> {
  const [program = '', ...args] = command;
  const [status] = await once(machine.start(program, args), 'exit');
  return status;
}
