// The client of load.ts, as a process on a machine.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Seen } from './load.ts';
import type { Machine } from './network.ts';

const program = fileURLToPath(new URL('load.ts', import.meta.url));

export interface Load {
  /** No request is begun any more; what was seen, when all are answered. */
  stop(): Promise<Seen>;
}

/** Asks without a pause, on `connections` at a time. Resolves when the first answer is there. */
export async function startLoad(machine: Machine, method: string, url: string, connections: number): Promise<Load> {
  const child = machine.start(process.execPath, ['--import', 'tsx', program, method, url, String(connections)], {
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (piece) => {
    output += piece;
  });
  const closed = once(child, 'close');
  if (child.stdout) await Promise.race([once(child.stdout, 'data'), closed]);
  return {
    async stop() {
      child.stdin?.end();
      await closed;
      return JSON.parse(output.slice(output.indexOf('\n')));
    },
  };
}
