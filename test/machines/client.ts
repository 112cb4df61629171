// Starts the client load.ts as a process on a machine.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Seen } from './load.ts';
import type { Machine } from './network.ts';

const program = fileURLToPath(new URL('load.ts', import.meta.url));

export interface Load {
  /** Lets the client begin no further request. Resolves with what it has seen when all requests are answered. */
  stop(): Promise<Seen>;
}

/** Asks without a pause, on `connections` connections. Resolves when the first answer has come. */
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
