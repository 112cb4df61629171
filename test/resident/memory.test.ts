// A request leaves nothing behind in a process that stays. `scripts/bench memory` does the same with a million requests.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { until } from '../host/processes.ts';
import { APPLICATION, heap, load } from './load.ts';

const command = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));

test('the memory after 60,000 requests of all kinds is that after 20,000', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-memory-'));
  const place = join(folder, 'app.sock');
  writeFileSync(join(folder, 'app.mjs'), APPLICATION);
  const gateway = spawn(process.execPath, ['--expose-gc', command, 'fastcgi', join(folder, 'app.mjs'), '--socket', place], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  try {
    await until(() => existsSync(place));
    await load(place, 20_000);
    const before = await heap(place);
    await load(place, 40_000);
    // V8's own code and statistics still grow a little. A single object that each request leaves would be megabytes.
    expect((await heap(place)) - before).toBeLessThan(300_000);
  } finally {
    gateway.kill('SIGKILL');
    await once(gateway, 'exit');
    rmSync(folder, { recursive: true });
  }
});
